#include "moest/report/study_figure.h"

#include "moest/report/study_curves.h"
#include "moest/report/study_script.h"

namespace moest {

std::vector<Figure> study_figures(const Study& study, std::span<const RateRow> rates) {
  std::vector<Figure> figures;
  for (const Metric& metric : metrics()) {
    const std::vector<StudyCurve> curves = study_curves(rates, metric.name);
    if (curves.empty()) {
      continue;
    }
    Figure& figure = figures.emplace_back();
    figure.name = metric.name;
    figure.title = metric_title(metric.name);
    figure.caption = metric.sentence;
    figure.data = curves_csv(study, curves);
    draw(figure, figure_settings(study, metric.name, curves),
         plot_command(metric.name, curves, Tooltips::none),
         plot_command(metric.name, curves, Tooltips::shown));
  }
  return figures;
}

}  // namespace moest
