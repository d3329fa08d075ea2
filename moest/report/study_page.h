// A study as one page that a browser opens without a network.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "moest/report/study_figure.h"
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

/// What every page has in its head, and nothing else has.
inline constexpr std::string_view kPageMark = R"(<meta name="generator" content="moest study report">)";

/// The page. Its figures are documents of their own inside it, so that their scripts and identifiers cannot
/// meet; a policy in its head forbids it to load anything.
std::string study_page(const StudyResults& results, std::span<const StudyFigure> figures);

}  // namespace moest
