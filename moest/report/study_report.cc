#include "moest/report/study_report.h"

#include "moest/report/page.h"
#include "moest/report/study_figure.h"
#include "moest/report/study_tables.h"

namespace moest {

void write_study_report(const StudyResults& results, const std::string& folder) {
  check_report_folder(folder);
  const std::vector<Figure> figures = study_figures(results.study, results.rates);
  write_report(study_page(results, figures), figures,
               {{"tables/rates.csv", rates_csv(results.rates)},
                {"tables/points.csv", points_csv(results.rates)},
                {"tables/rates.tex", rates_tex(results.rates)}},
               folder);
}

}  // namespace moest
