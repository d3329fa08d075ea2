#include "moest/report/page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <system_error>

#include "moest/base/error.h"
#include "moest/base/file.h"
#include "moest/report/html.h"

namespace moest {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
)";

constexpr std::string_view kStyle = R"(<style>
:root { color-scheme: light; }
body { margin: 0; background: #ffffff; color: #1c1c1c; font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid #d8d8d8; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p, dd, li { max-width: 75ch; overflow-wrap: anywhere; }
.claim { font-size: 1.15rem; margin: 0 0 .3rem; white-space: pre-line; }
.quiet, figcaption { color: #555; font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 500px), 1fr)); gap: 1.5rem; }
figure { margin: 0; min-width: 0; max-width: 640px; }
figure h3 { margin: 0 0 .3rem; }
figcaption { margin-top: .35rem; }
iframe { display: block; width: 100%; max-width: 100%; border: 0; }
.wide { overflow: auto; max-width: 100%; max-height: 80vh; }
thead th { position: sticky; top: 0; background: #ffffff; }
table { border-collapse: collapse; width: max-content; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e6e6e6; }
th { border-bottom: 2px solid #9a9a9a; font-weight: 600; white-space: nowrap; }
td { overflow-wrap: break-word; max-width: 52ch; }
.number { text-align: right; white-space: nowrap; }
.verdict { padding: .1rem .5rem; border-radius: .6rem; white-space: nowrap; font-weight: 600; }
.agrees { background: #d6efe4; color: #00513a; }
.differs { background: #fbdfd0; color: #7d2a00; }
.too_noisy { background: #ececec; color: #3f3f3f; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: .5rem 0; }
dt { color: #555; }
dd { margin: 0; }
pre { overflow-x: auto; font-size: .8rem; background: #f6f6f6; padding: .8rem; }
summary { cursor: pointer; }
@media (max-width: 500px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
</style>
)";

constexpr std::string_view kFigureStyle =
    "<!DOCTYPE html><html lang=\"en\"><head><meta "
    "charset=\"utf-8\"><title>figure</title><style>body{margin:0}"
    "svg{display:block;width:100%;height:auto}svg>rect:first-of-type{stroke:none}text{font-family:system-ui,"
    "\"Helvetica Neue\",Arial,sans-serif}"
    "g[id$=_keyentry]{cursor:pointer}</style></head><body>";

// gnuplot's own script switches one drawn element per entry of the legend. This one makes what belongs to it
// follow: an element is hidden while any entry that switches it is off. It also leaves the wheel to the page,
// but with Ctrl, and keeps the drawing in its frame.
constexpr std::string_view kFigureScript = R"(<script>
const drawn = number => document.getElementById('gnuplot_plot_' + number);
const isOff = entry => drawn(entry).getAttribute('visibility') === 'hidden';
const follow = () => {
  const hidden = new Map();
  for (const [entry, elements] of switches) {
    for (const element of elements) {
      hidden.set(element, hidden.get(element) || isOff(entry));
    }
  }
  hidden.forEach((is, element) => drawn(element).setAttribute('visibility', is ? 'hidden' : 'visible'));
};
for (const [entry] of switches) {
  new MutationObserver(follow).observe(drawn(entry), {attributeFilter: ['visibility']});
}
addEventListener('wheel', event => { if (!event.ctrlKey) event.stopImmediatePropagation(); }, {capture: true});
</script>)";

/// The document of one figure, as the value of an attribute.
std::string frame_html(const Figure& figure) {
  std::string switches;
  for (const LegendSwitch& entry : figure.switches) {
    switches += fmt::format("{}[{}, [{}]]", switches.empty() ? "" : ", ", entry.entry,
                            fmt::join(entry.elements, ", "));
  }
  const std::string svg = figure.interactive.substr(figure.interactive.find("<svg"));
  const std::string document = fmt::format("{}{}<script>const switches = [{}];</script>{}</body></html>",
                                           kFigureStyle, svg, switches, kFigureScript);
  return fmt::format(
      "<iframe scrolling=\"no\" title=\"{0}\" sandbox=\"allow-scripts\" style=\"aspect-ratio: {1} / {2}\" "
      "srcdoc=\"{3}\"></iframe>",
      html_text(figure.title), figure.width, figure.height, html_text(document));
}

constexpr const char* kPage = "index.html";

bool holds_report(const fs::path& folder) {
  const fs::path page = folder / kPage;
  return fs::is_regular_file(page) && read_input(page.string()).find(kPageMark) != std::string::npos;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) {
    throw EnvironmentError(fmt::format("cannot make the folder {}", folder.string()), error.message(),
                           "Choose another folder, or make room.");
  }
}

}  // namespace

std::string html_paragraph(const std::string& html, std::string_view style) {
  return style.empty() ? fmt::format("<p>{}</p>\n", html)
                       : fmt::format("<p class=\"{}\">{}</p>\n", style, html);
}

std::string html_page(const std::string& title, const std::string& body) {
  return fmt::format("{}{}\n<title>{}</title>\n{}</head>\n<body><main>\n{}</main></body>\n</html>\n", kHead,
                     kPageMark, html_text(title), kStyle, body);
}

std::string figures_html(std::span<const Figure> figures) {
  std::string html = "<div class=\"figures\">\n";
  for (const Figure& figure : figures) {
    html += fmt::format(
        "<figure id=\"figure-{0}\"><h3>{1}</h3>\n{2}\n<figcaption>{3}. <code>{0}</code>: "
        "<a href=\"figures/{0}.svg\">SVG</a>, <a href=\"figures/{0}.pdf\">PDF</a>, "
        "<a href=\"figures/{0}.gp\">script</a>, <a href=\"figures/{0}.csv\">data</a></figcaption></figure>\n",
        figure.name, html_text(figure.title), frame_html(figure), html_text(figure.caption));
  }
  return html + "</div>\n";
}

void check_report_folder(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  if (!folder.empty() && !fs::exists(path)) {
    check_output(path.has_filename() ? path.string() : path.parent_path().string());
    return;
  }
  const std::string problem = fmt::format("cannot write a report into {}", folder);
  if (!fs::is_directory(path)) {
    throw InputError(problem, folder.empty() ? "it has no name" : "it is a file", "Choose a folder.");
  }
  check_output((path / kPage).string());
  if (!fs::is_empty(path) && !holds_report(path)) {
    throw InputError(problem, "the folder has files in it and no report of a study",
                     "Choose a new folder, or empty this one.");
  }
}

void write_report(const std::string& page, std::span<const Figure> figures, const ReportFiles& more,
                  const std::string& folder) {
  check_report_folder(folder);
  // The page first, by which the folder is known as a report.
  ReportFiles files{{kPage, page}};
  for (const Figure& figure : figures) {
    files.emplace_back(fmt::format("figures/{}.csv", figure.name), figure.data);
    files.emplace_back(fmt::format("figures/{}.gp", figure.name), figure.script);
    files.emplace_back(fmt::format("figures/{}.svg", figure.name), figure.svg);
    files.emplace_back(fmt::format("figures/{}.pdf", figure.name), figure.pdf);
  }
  files.insert(files.end(), more.begin(), more.end());
  const fs::path path(folder);
  for (const fs::path& part : {path, path / "figures", path / "tables"}) {
    make_folder(part);
  }
  for (const auto& [name, content] : files) {
    write_output((path / name).string(), content);
  }
}

}  // namespace moest
