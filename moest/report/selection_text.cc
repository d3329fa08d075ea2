#include "moest/report/selection_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "moest/report/gnuplot.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

int experts_of(const SelectionRow& row) { return row.level.model.spec.num_experts; }

/// "experts 2 and 3", or of merges before "experts 2 and 3+4".
std::vector<std::string> node_names(const Selection& selection) {
  std::vector<std::string> names;
  names.reserve(2 * selection.rows.size());
  const int num_atoms = selection.rows.empty() ? 0 : experts_of(selection.rows.front());
  for (int i = 0; i < num_atoms; ++i) {
    names.push_back(std::to_string(i + 1));
  }
  for (const SelectionRow& row : selection.rows) {
    if (const std::optional<Merge>& merge = row.level.merge) {
      names.push_back(names[static_cast<std::size_t>(merge->first)] + "+" +
                      names[static_cast<std::size_t>(merge->second)]);
    }
  }
  return names;
}

std::string optional_text(const std::optional<double>& value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : "";
}

std::string chosen_text(const Selection& selection, int index) {
  std::vector<std::string> by;
  for (const auto& [name, row] : {std::pair("BIC", selection.by_bic), std::pair("AIC", selection.by_aic),
                                  std::pair("dendrogram", selection.by_dendrogram),
                                  std::pair("cross-validation", selection.by_cross_validation)}) {
    if (row == index) {
      by.emplace_back(name);
    }
  }
  return by.empty() ? "" : fmt::format("<- {}", fmt::join(by, ", "));
}

/// Node, its place on the axis and the height at which it was made.
struct Place {
  double x = 0;
  double height = 0;
};

/// The order in which a tree's leaves are drawn, so that no branches cross.
std::vector<int> leaves_of(const std::vector<Merge>& merges, int num_atoms, int node) {
  if (node < num_atoms) {
    return {node};
  }
  const Merge& merge = merges[static_cast<std::size_t>(node - num_atoms)];
  std::vector<int> leaves = leaves_of(merges, num_atoms, merge.first);
  const std::vector<int> others = leaves_of(merges, num_atoms, merge.second);
  leaves.insert(leaves.end(), others.begin(), others.end());
  return leaves;
}

/// Brackets of the dendrogram: rows (x, height) with gaps between brackets.
Eigen::MatrixXd brackets(const std::vector<Merge>& merges, const std::vector<int>& leaves) {
  const auto num_atoms = static_cast<int>(leaves.size());
  std::vector<Place> places(static_cast<std::size_t>(num_atoms) + merges.size());
  for (int i = 0; i < num_atoms; ++i) {
    places[static_cast<std::size_t>(leaves[static_cast<std::size_t>(i)])].x = i + 1;
  }
  Eigen::MatrixXd rows(static_cast<Eigen::Index>(merges.size()) * 5, 2);
  for (std::size_t m = 0; m < merges.size(); ++m) {
    const Place a = places[static_cast<std::size_t>(merges[m].first)];
    const Place b = places[static_cast<std::size_t>(merges[m].second)];
    const double height = std::max({merges[m].height, a.height, b.height});
    places[static_cast<std::size_t>(num_atoms) + m] = {(a.x + b.x) / 2, height};
    constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
    rows.middleRows(static_cast<Eigen::Index>(m) * 5, 5) << a.x, a.height, a.x, height, b.x, height, b.x,
        b.height, kGap, kGap;
  }
  return rows;
}

}  // namespace

std::string selection_report(const Selection& selection, const std::string& title) {
  std::string text = wrapped(title, 0) + "\n\n";
  const bool has_cv = std::any_of(selection.rows.begin(), selection.rows.end(),
                                  [](const SelectionRow& row) { return row.cv_rmse.has_value(); });
  std::vector<std::string> header{"experts", "RSS",        "parameters", "AIC",
                                  "BIC",     "next merge", "height",     "criterion"};
  if (has_cv) {
    header.emplace_back("cross-validation");
  }
  header.emplace_back("");
  TextTable table(std::move(header));
  const std::vector<std::string> names = node_names(selection);
  for (int i = 0; i < static_cast<int>(selection.rows.size()); ++i) {
    const SelectionRow& row = selection.rows[static_cast<std::size_t>(i)];
    const std::optional<Merge>& merge = row.level.merge;
    std::vector<std::string> cells{
        std::to_string(experts_of(row)),
        fmt::format("{:.6g}", row.fit.summary.rss),
        std::to_string(row.fit.summary.num_identifiable_parameters),
        optional_text(row.fit.summary.aic, 2),
        optional_text(row.fit.summary.bic, 2),
        merge ? fmt::format("{} with {}", names[static_cast<std::size_t>(merge->first)],
                            names[static_cast<std::size_t>(merge->second)])
              : "",
        merge ? fmt::format("{:.3g}", merge->height) : "",
        optional_text(row.dendrogram_criterion, 2)};
    if (has_cv) {
      cells.push_back(row.cv_rmse ? fmt::format("{:.4g} +- {:.2g}", *row.cv_rmse, *row.cv_rmse_se) : "");
    }
    cells.push_back(chosen_text(selection, i));
    table.add_row(std::move(cells));
  }
  text += table.text();
  if (selection.by_bic >= 0) {
    const int chosen = experts_of(selection.rows[static_cast<std::size_t>(selection.by_bic)]);
    text += fmt::format("\n  {}\n",
                        wrapped(fmt::format("BIC chooses {} expert{}.{}", chosen, chosen == 1 ? "" : "s",
                                            selection.by_bic == 0 && selection.rows.size() > 1
                                                ? " That is as many as the model has: begin with more."
                                                : ""),
                                2));
  }
  return text;
}

void plot_selection(const Selection& selection, const std::string& path) {
  std::vector<Merge> merges;
  for (const SelectionRow& row : selection.rows) {
    if (row.level.merge) {
      merges.push_back(*row.level.merge);
    }
  }
  const auto num_rows = static_cast<Eigen::Index>(selection.rows.size());
  const int num_atoms = selection.rows.empty() ? 0 : experts_of(selection.rows.front());
  const std::vector<int> leaves =
      leaves_of(merges, num_atoms, num_atoms - 1 + static_cast<int>(merges.size()));
  constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
  Eigen::MatrixXd criteria(num_rows, 3);
  for (Eigen::Index i = 0; i < num_rows; ++i) {
    const SelectionRow& row = selection.rows[static_cast<std::size_t>(i)];
    criteria.row(i) << experts_of(row), row.fit.summary.bic.value_or(kGap),
        row.fit.summary.aic.value_or(kGap);
  }
  std::string tics;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    tics += fmt::format("{}'{}' {}", i > 0 ? ", " : "", leaves[i] + 1, i + 1);
  }
  std::string script = "set border 3\nset tics nomirror\nset multiplot layout 2,1\n";
  script += data_block("criteria", criteria);
  if (!merges.empty()) {
    script += data_block("brackets", brackets(merges, leaves));
    script += fmt::format(
        "set xlabel 'expert of the whole mixture'\nset ylabel 'height of the merge'\nset xrange [0.5:{}.5]\n"
        "set yrange [0:*]\nset xtics ({})\nunset key\nplot $brackets using 1:2 with lines lw 2 lc rgb '{}'\n",
        num_atoms, tics, colour(0));
  }
  script += fmt::format(
      "set xlabel 'experts'\nset ylabel 'criterion'\nset xrange [0.5:{}.5]\nset yrange [*:*]\nset xtics 1 "
      "autofreq\n"
      "set xtics 1\nset key top center\nplot $criteria using 1:2 with linespoints pt 7 lw 2 lc rgb '{}' "
      "title 'BIC', "
      "$criteria using 1:3 with linespoints pt 7 lw 2 lc rgb '{}' title 'AIC'\nunset multiplot\n",
      num_atoms, colour(0), colour(1));
  run_gnuplot(script, path);
}

}  // namespace moest
