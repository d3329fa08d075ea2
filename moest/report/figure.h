// Figures of reports: drawn for paper and for the screen, with the data and the script that make them.
#pragma once

#include <string>
#include <vector>

namespace moest {

/// A legend's entry and the drawn elements that it shows and hides, by the numbers that gnuplot gives them.
struct LegendSwitch {
  int entry = 0;
  std::vector<int> elements;
};

struct PlotCommand {
  std::string text;
  std::vector<LegendSwitch> switches;  // one for each entry of the legend
};

/// Whether points have their numbers as hypertext, which only the terminals for screens know.
enum class Tooltips { none, shown };

/// One picture of a report.
struct Figure {
  std::string name;     // of its files
  std::string title;    // above it
  std::string caption;  // below it, a sentence without its full stop
  std::string data;     // CSV
  std::string script;   // makes NAME.svg and NAME.pdf of NAME.csv, all in the same folder
  std::string svg, pdf;
  std::string interactive;  // an SVG of its own with tooltips and a legend that switches curves
  int width = 0, height = 0;
  std::vector<LegendSwitch> switches;  // of the interactive one
};

/// Draws a figure that has its name, title, caption and data. `settings` are axes and legend, the commands
/// draw the file NAME.csv. Throws EnvironmentError if gnuplot is missing.
void draw(Figure& figure, const std::string& settings, const PlotCommand& on_paper,
          const PlotCommand& on_screen);

}  // namespace moest
