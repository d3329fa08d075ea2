#include "moest/report/figure.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/report/gnuplot.h"

namespace moest {
namespace {

namespace fs = std::filesystem;

constexpr int kWidth = 640;
constexpr int kPlotHeight = 430;
constexpr int kLegendLine = 21;

/// A folder of the system's temporary folder that goes away with its object.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((fs::temp_directory_path() / "moest-figure-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw EnvironmentError("cannot make a temporary folder", path_,
                             "Check TMPDIR and the free space on its disk.");
    }
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (fs::path(path_) / name).string(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The content of the picture NAME.ENDING that the script draws of the figure's data.
std::string drawn(const Figure& figure, const std::string& script, const std::string& ending) {
  const TemporaryFolder folder;
  const std::string picture = folder.file(fmt::format("{}.{}", figure.name, ending));
  write_output(folder.file(figure.name + ".csv"), figure.data);
  run_gnuplot(fmt::format("cd {}\n{}", in_quotes(folder.path()), script), picture);
  return read_input(picture);
}

}  // namespace

void draw(Figure& figure, const std::string& settings, const PlotCommand& on_paper,
          const PlotCommand& on_screen) {
  figure.switches = on_screen.switches;
  figure.width = kWidth;
  figure.height = kPlotHeight + kLegendLine * static_cast<int>(figure.switches.size());
  constexpr double kInches = 4.8;
  const std::string svg = fmt::format("background '#ffffff' font 'Helvetica,15' enhanced size {},{}\n",
                                      figure.width, figure.height);
  const std::string for_svg = "set terminal svg dynamic " + svg;
  const std::string for_pdf =
      fmt::format("set terminal pdfcairo font 'Helvetica,11' enhanced size {:.3g}in,{:.3g}in\n", kInches,
                  kInches * figure.height / figure.width);
  figure.script = fmt::format(
      "# Run `gnuplot {0}.gp` in this folder: it draws {0}.svg and {0}.pdf of {0}.csv.\n"
      "{1}set output '{0}.svg'\n{2}{3}{4}set output '{0}.pdf'\nreplot\n",
      figure.name, for_svg, settings, on_paper.text, for_pdf);
  figure.svg = drawn(figure, for_svg + settings + on_paper.text, "svg");
  figure.pdf = drawn(figure, for_pdf + settings + on_paper.text, "pdf");
  figure.interactive =
      drawn(figure, "set terminal svg dynamic mouse standalone " + svg + settings + on_screen.text, "svg");
}

}  // namespace moest
