#include "moest/report/loss_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "moest/base/error.h"
#include "moest/model/catalogue.h"
#include "moest/model/symmetries.h"
#include "moest/report/gnuplot.h"
#include "moest/report/text_table.h"

namespace moest {
namespace {

std::string number(double value) { return fmt::format("{:.4g}", value); }
std::string number(const std::optional<double>& value) { return value ? number(*value) : "-"; }

std::string numbers_from_one(const std::vector<int>& atoms) {
  std::string text;
  for (const int atom : atoms) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", atom + 1);
  }
  return text.empty() ? "none" : text;
}

std::string cell_table(const std::vector<VoronoiCell>& cells, std::string_view what) {
  TextTable table({fmt::format("true {}", what), "mass", fmt::format("fitted {}s", what), "their mass",
                   "mass error", "distance", "split rms"});
  for (std::size_t j = 0; j < cells.size(); ++j) {
    const VoronoiCell& cell = cells[j];
    table.add_row({std::to_string(j + 1), number(cell.true_mass), numbers_from_one(cell.atoms),
                   number(cell.mass), number(cell.mass_error), number(cell.largest_error),
                   number(cell.split_rms)});
  }
  return table.text();
}

/// What an axis shows: a row of the gates or, where that is negative, the expert's first parameter.
struct Axis {
  Eigen::Index gate_row = -1;
  std::string name;
};

/// Two axes: the slopes first, then the bias where it counts as a gate parameter, then diagonal entries.
std::vector<Axis> axes_of(const Model& truth) {
  std::vector<std::string> names = gate_parameter_names(truth.spec, truth.inputs);
  if (!has_masses(truth.spec.gate)) {
    names.emplace_back("bias");
  }
  const bool is_reduced =
      mixing_measure(truth, Coordinates::raw).gates != mixing_measure(truth, Coordinates::reduced).gates;
  std::vector<Axis> axes;
  const auto add = [&](auto belongs) {
    for (std::size_t row = 0; row < names.size(); ++row) {
      if (axes.size() < 2 && belongs(names[row], static_cast<int>(row))) {
        axes.push_back({static_cast<Eigen::Index>(row), names[row] + (is_reduced ? ", reduced" : "")});
      }
    }
  };
  add([](const std::string& name, int) { return name.starts_with("omega_"); });
  add([](const std::string& name, int) { return name == "bias"; });
  add([&](const std::string& name, int row) {
    return name.starts_with("A_") && visit_gate(truth.spec.gate.kind, [&](auto gate) {
             return !gate.counts_twice(row, truth.spec.num_inputs);
           });
  });
  if (axes.size() < 2) {
    axes.push_back({-1, expert_parameter_names(truth.spec, truth.inputs, truth.targets).front()});
  }
  return axes;
}

Eigen::RowVector2d place_of(const std::vector<Axis>& axes, const Eigen::MatrixXd& gates, Eigen::Index atom,
                            const std::vector<double>& expert) {
  const auto along = [&](const Axis& axis) {
    return axis.gate_row < 0 ? expert.front() : gates(axis.gate_row, atom);
  };
  return {along(axes[0]), along(axes[1])};
}

/// The atoms in the plane, numbered from 1.
struct Points {
  Eigen::MatrixXd fitted;  // k x 4: x, y, size of the point, number
  Eigen::MatrixXd truth;   // k* x 3: x, y, number
};

Points points_of(const Model& fitted, const Model& truth, const VoronoiLoss& loss,
                 const std::vector<Axis>& axes) {
  const Eigen::VectorXd shares =
      normalised_masses(mixing_measure(fitted, Coordinates::reduced).log_masses, 1);
  Points points{Eigen::MatrixXd(shares.size(), 4), Eigen::MatrixXd(loss.true_gates.cols(), 3)};
  for (Eigen::Index j = 0; j < points.truth.rows(); ++j) {
    const std::vector<double>& expert = truth.atoms[static_cast<std::size_t>(j)].expert;
    points.truth.row(j) << place_of(axes, loss.true_gates, j, expert), static_cast<double>(j + 1);
    for (const int atom : loss.cells[static_cast<std::size_t>(j)].atoms) {
      const std::vector<double> nearest =
          nearest_equivalent(truth.spec, fitted.atoms[static_cast<std::size_t>(atom)].expert, expert);
      points.fitted.row(atom) << place_of(axes, loss.fitted_gates, atom, nearest),
          0.8 + 3 * std::sqrt(shares[atom]), atom + 1.0;
    }
  }
  return points;
}

/// A range with a margin for the points and their numbers, never empty.
std::string range_text(const Eigen::VectorXd& values) {
  const double low = values.minCoeff();
  const double high = values.maxCoeff();
  const double margin = high > low ? 0.15 * (high - low) : 1.0;
  return fmt::format("[{}:{}]", low - margin, high + margin);
}

/// Lines from each atom of a cell to the true one.
Eigen::MatrixXd lines_of(const VoronoiCell& cell, const Points& points, Eigen::Index truth) {
  constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
  Eigen::MatrixXd rows(3 * static_cast<Eigen::Index>(cell.atoms.size()), 2);
  Eigen::Index row = 0;
  for (const int atom : cell.atoms) {
    rows.row(row++) = points.truth.row(truth).head(2);
    rows.row(row++) = points.fitted.row(atom).head(2);
    rows.row(row++).setConstant(kGap);
  }
  return rows;
}

}  // namespace

std::string loss_report(const std::string& title, const VoronoiLoss& raw, const VoronoiLoss& reduced,
                        double power) {
  std::string text = wrapped(title, 0) + "\n\n";
  TextTable table({"Voronoi loss", "raw", "reduced"});
  table.add_row({"L1", short_number(raw.l1), short_number(reduced.l1)});
  if (raw.l2r && reduced.l2r) {
    table.add_row({fmt::format("L2,{:.6g}", power), short_number(*raw.l2r), short_number(*reduced.l2r)});
  }
  text += table.text();
  text += fmt::format("\n  in units in which the masses of the truth add up to {}\n\n",
                      short_number(reduced.true_mass));
  if (!reduced.groups.empty()) {
    text += cell_table(reduced.groups, "group") + "\n";
  }
  return text + cell_table(reduced.cells, "expert");
}

void check_loss_picture(const Model& truth, const std::string& path) {
  check_picture(path);
  constexpr int kMostInputs = 2;
  if (truth.spec.num_inputs > kMostInputs) {
    throw InputError(
        fmt::format("cannot draw {}", path),
        fmt::format("the atoms have {} inputs, and a plane shows those of one or two", truth.spec.num_inputs),
        "Leave out --picture: the table has the cells.");
  }
}

void plot_loss(const Model& fitted, const Model& truth, const VoronoiLoss& reduced, const std::string& path) {
  check_loss_picture(truth, path);
  const std::vector<Axis> axes = axes_of(truth);
  const Points points = points_of(fitted, truth, reduced, axes);
  Eigen::MatrixXd all(points.fitted.rows() + points.truth.rows(), 2);
  all << points.fitted.leftCols(2), points.truth.leftCols(2);
  std::string blocks = data_block("truth", points.truth);
  std::string curves = "plot ";
  for (Eigen::Index j = 0; j < points.truth.rows(); ++j) {
    const VoronoiCell& cell = reduced.cells[static_cast<std::size_t>(j)];
    if (!cell.atoms.empty()) {
      blocks += data_block(fmt::format("lines{}", j), lines_of(cell, points, j));
      blocks += data_block(fmt::format("cell{}", j), points.fitted(cell.atoms, Eigen::all));
      curves += fmt::format(
          "$lines{0} using 1:2 with lines lw 1.5 lc rgb '{1}' notitle, $cell{0} using 1:2:3 with points pt 7 "
          "ps variable lc rgb '{1}' notitle, $cell{0} using 1:2:(sprintf('%d', $4)) with labels offset 1.5,1 "
          "notitle, keyentry with points pt 7 ps 1.5 lc rgb '{1}' title 'in the cell of {2}', ",
          j, colour(j), j + 1);
    }
  }
  curves +=
      "$truth using 1:2 with points pt 2 ps 2 lw 2.5 lc rgb '#000000' title 'truth', $truth using "
      "1:2:(sprintf('%d', $3)) with labels offset -1.5,-1 notitle";
  run_gnuplot(blocks +
                  fmt::format("set border 3\nset tics nomirror\nset grid lc rgb '#e6e6e6' lt 1\nset datafile "
                              "missing NaN\nset key outside top center horizontal\nset xlabel {}\nset ylabel "
                              "{}\nset xrange {}\nset yrange {}\n",
                              in_quotes(axes[0].name), in_quotes(axes[1].name), range_text(all.col(0)),
                              range_text(all.col(1))) +
                  curves + "\n",
              path);
}

}  // namespace moest
