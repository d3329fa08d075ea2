// A study as one page that a browser opens without a network.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "moest/report/figure.h"
#include "moest/study/plan.h"
#include "moest/study/rates.h"
#include "moest/study/specification.h"
#include "moest/study/trial.h"

namespace moest {

/// All that is known of a study.
struct StudyResults {
  Study study;
  std::vector<TrialRow> rows;
  std::vector<PlannedArm> planned;
  std::vector<RateRow> rates;
};

/// The page, with its figures.
std::string study_page(const StudyResults& results, std::span<const Figure> figures);

}  // namespace moest
