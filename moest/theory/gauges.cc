#include "moest/theory/gauges.h"

#include <Eigen/QR>
#include <algorithm>
#include <iterator>
#include <span>

#include "moest/model/catalogue.h"
#include "moest/model/groups.h"

namespace moest {
namespace {

/// What a common shift of all scores may be.
enum class ShiftSpace { none, bias, slopes_and_bias };

ShiftSpace shift_space(const MixtureSpec& spec) {
  if (!has_masses(spec.gate)) {
    return ShiftSpace::none;
  }
  return gate_link(spec.gate) == Link::identity && !is_on_sphere(spec.gate) ? ShiftSpace::slopes_and_bias
                                                                            : ShiftSpace::bias;
}

/// Dimension of the translations of v_1..v_k in R^d that keep them on a common sphere of given or free
/// radius.
int sphere_translations(const MixtureSpec& spec) {
  const int free_radius = learns_temperature(spec.gate) ? 1 : 0;
  return std::max(0, spec.num_inputs - spec.num_experts + free_radius);
}

Gauge flat_shift(const MixtureSpec& spec) {
  const std::vector<std::string> names = MixtureFamily{spec}.gate_names();
  const auto num_in_matrix =
      std::ranges::count_if(names, [](const std::string& name) { return name.starts_with(kMatrixPrefix); });
  const bool has_matrix = num_in_matrix > 0;
  const bool has_slopes = num_in_matrix < std::ssize(names);
  std::string text = has_matrix ? "A_i + T, " : "";
  std::string latex = has_matrix ? R"(A_i + T,\ )" : "";
  if (is_in_ball(spec.gate)) {
    text = "omega_i / (|omega_i| + tau1) + t, ";
    latex = R"(\omega_i / (\|\omega_i\| + \tau_1) + t,\ )";
  } else if (has_slopes) {
    text += "omega_i + t, ";
    latex += R"(\omega_i + t,\ )";
  }
  return {Gauge::Kind::shift, text + "b_i + t_0 for all i", latex + "b_i + t_0",
          1 + static_cast<int>(names.size())};
}

/// The radius of the sphere that the slopes v_i of a cosine gate are on.
template <class T>
T radius(const MixtureSpec& spec) {
  return T(1) / T(spec.gate.temperature.value);
}

void add_to_all(std::vector<BasicAtom<Wide>>& atoms, std::size_t first, std::size_t last, double size,
                Stream& stream, bool with_slopes) {
  const Wide bias = stream.uniform(-size, size);
  std::vector<Wide> slopes;
  for (std::size_t j = 0; j < atoms[first].gate.size(); ++j) {
    slopes.emplace_back(with_slopes ? stream.uniform(-size, size) : 0.0);
  }
  for (std::size_t i = first; i < last; ++i) {
    atoms[i].bias += bias;
    for (std::size_t j = 0; j < slopes.size(); ++j) {
      atoms[i].gate[j] += slopes[j];
    }
  }
}

/// omega_i -> c_i omega_i, and where v_1..v_k have a translation along their sphere, also that: the centre of
/// the sphere moves to another point at the same distance from all of them.
void move_on_sphere(const MixtureSpec& spec, WideMeasure& moved, double size, Stream& stream) {
  using Vector = DenseVector<Wide>;
  const auto k = static_cast<Eigen::Index>(spec.num_experts);
  const auto d = static_cast<Eigen::Index>(spec.num_inputs);
  DenseMatrix<Wide> v(d, k);
  for (Eigen::Index i = 0; i < k; ++i) {
    for (Eigen::Index j = 0; j < d; ++j) {
      v(j, i) = moved.measure.atoms[static_cast<std::size_t>(i)].gate[static_cast<std::size_t>(j)];
    }
    v.col(i) *= radius<Wide>(spec) / sqrt(v.col(i).squaredNorm());
  }
  if (sphere_translations(spec) > 0) {
    // c: the point of the affine hull of the v_i that is nearest to 0; the directions orthogonal to the hull.
    const DenseMatrix<Wide> differences = v.leftCols(k - 1).colwise() - v.col(k - 1);
    const Eigen::HouseholderQR<DenseMatrix<Wide>> qr(differences);
    const DenseMatrix<Wide> q = qr.householderQ();
    const DenseMatrix<Wide> normal = q.rightCols(d - k + 1);
    const Vector nearest = normal * (normal.transpose() * v.col(0));
    Vector direction(normal.cols());
    for (Wide& value : direction) {
      value = stream.normal();
    }
    Wide distance = sqrt(nearest.squaredNorm());
    if (learns_temperature(spec.gate)) {
      distance *= Wide(1) + Wide(0.5 * stream.uniform());
    }
    const Vector centre = nearest + normal * direction * (distance / sqrt(direction.squaredNorm()));
    v.colwise() -= centre;
    moved.temperature = Wide(1) / sqrt(v.col(0).squaredNorm());
  }
  for (Eigen::Index i = 0; i < k; ++i) {
    const Wide factor = exp(Wide(stream.uniform(-size, size)));
    for (Eigen::Index j = 0; j < d; ++j) {
      moved.measure.atoms[static_cast<std::size_t>(i)].gate[static_cast<std::size_t>(j)] = v(j, i) * factor;
    }
  }
}

/// v_i -> v_i + t in the ball, and where the temperature is learned also another one at the same v_i.
void move_in_ball(const MixtureSpec& spec, WideMeasure& moved, double size, Stream& stream) {
  MixtureSpec target = spec;
  if (learns_temperature(spec.gate)) {
    target.gate.temperature.value *= 0.7;  // a larger ball
  }
  std::vector<BasicAtom<Wide>> in_chart;
  Wide longest = 0;
  for (const BasicAtom<Wide>& atom : moved.measure.atoms) {
    in_chart.push_back(atom_in_chart<Wide>(spec, atom));
    longest = std::max(longest, euclidean_norm<Wide>(in_chart.back().gate));
  }
  const Wide room = Wide(1) / Wide(target.gate.temperature.value) - longest;
  const double step = static_cast<double>(room) * std::min(size, 0.5) / spec.num_inputs;
  std::vector<Wide> shift;
  for (std::size_t j = 0; j < in_chart.front().gate.size(); ++j) {
    shift.emplace_back(stream.uniform(-step, step));
  }
  for (std::size_t i = 0; i < in_chart.size(); ++i) {
    for (std::size_t j = 0; j < shift.size(); ++j) {
      in_chart[i].gate[j] += shift[j];
    }
    moved.measure.atoms[i].gate = atom_from_chart<Wide>(target, in_chart[i]).gate;
  }
  moved.temperature = target.gate.temperature.value;
}

std::vector<Wide> widened(const std::vector<double>& values) { return {values.begin(), values.end()}; }

std::vector<BasicAtom<Wide>> widened(const std::vector<Atom>& atoms) {
  std::vector<BasicAtom<Wide>> result;
  result.reserve(atoms.size());
  for (const Atom& atom : atoms) {
    result.push_back({Wide(atom.bias), widened(atom.gate), widened(atom.expert)});
  }
  return result;
}

}  // namespace

std::vector<Gauge> gauges(const MixtureSpec& spec, Coordinates coordinates) {
  std::vector<Gauge> list;
  const int d = spec.num_inputs;
  if (spec.num_experts == 1 && has_masses(spec.gate) && !has_groups(spec.gate)) {
    const int sphere = is_on_sphere(spec.gate) && coordinates == Coordinates::reduced ? 1 : 0;
    const int temperature =
        learns_temperature(spec.gate) && (coordinates == Coordinates::raw || !temperature_is_unit(spec.gate))
            ? 1
            : 0;
    list.push_back({Gauge::Kind::shift, "the whole gate of a single expert", R"(\text{the whole gate})",
                    1 + num_gate_parameters(spec) - sphere + temperature});
    return list;
  }
  if (has_groups(spec.gate)) {
    const auto groups = static_cast<int>(group_sizes(spec).size());
    list.push_back({Gauge::Kind::shift, "omega_g + t, b_g + t_0 for all groups g",
                    R"(\omega_g + t,\ b_g + t_0)", 1 + d});
    list.push_back({Gauge::Kind::shift, "omega_i + t_g, b_i + t_0g for all i in group g",
                    R"(\omega_i + t_g,\ b_i + t_{0g})", groups * (1 + d)});
    return list;
  }
  switch (shift_space(spec)) {
    case ShiftSpace::none:
      break;
    case ShiftSpace::bias:
      list.push_back({Gauge::Kind::shift, "b_i + t_0 for all i", "b_i + t_0", 1});
      break;
    case ShiftSpace::slopes_and_bias:
      list.push_back(flat_shift(spec));
      break;
  }
  if (is_on_sphere(spec.gate) && sphere_translations(spec) > 0) {
    list.push_back({Gauge::Kind::shift,
                    "v_i + t for all i, where all v_i + t are on one sphere; v_i = omega_i / (|omega_i| tau)",
                    R"(v_i + t,\ \|v_i + t\| = \|v_j + t\|)", sphere_translations(spec)});
  }
  if (coordinates == Coordinates::reduced) {
    return list;
  }
  if (is_on_sphere(spec.gate)) {
    list.push_back({Gauge::Kind::scale, "omega_i -> c_i omega_i for each i", R"(\omega_i \to c_i\,\omega_i)",
                    spec.num_experts});
  } else if (temperature_is_unit(spec.gate)) {
    const bool in_ball = is_in_ball(spec.gate);
    list.push_back({Gauge::Kind::scale,
                    in_ball ? "tau and all |omega_i| together, omega_i / ((|omega_i| + tau1) tau) the same"
                            : "(omega_i, b_i, tau) -> c (omega_i, b_i, tau)",
                    in_ball
                        ? R"(\tau, \|\omega_i\|:\ \omega_i / ((\|\omega_i\| + \tau_1)\,\tau)\ \text{fixed})"
                        : R"((\omega_i, b_i, \tau) \to c\,(\omega_i, b_i, \tau))",
                    1});
  }
  return list;
}

int gauge_dimension(const MixtureSpec& spec, Coordinates coordinates) {
  int dimension = 0;
  for (const Gauge& gauge : gauges(spec, coordinates)) {
    dimension += gauge.dimension;
  }
  return dimension;
}

bool has_scale_gauge(const MixtureSpec& spec) {
  return is_on_sphere(spec.gate) || temperature_is_unit(spec.gate);
}

WideMeasure wide_measure(const Truth& truth) {
  return {{widened(truth.measure.atoms), widened(truth.measure.groups)},
          Wide(truth.family.spec.gate.temperature.value)};
}

WideMeasure moved_along_gauges(const Truth& truth, double size, Stream& stream) {
  const MixtureSpec& spec = truth.family.spec;
  WideMeasure moved = wide_measure(truth);
  std::vector<BasicAtom<Wide>>& atoms = moved.measure.atoms;
  if (has_groups(spec.gate)) {
    std::size_t first = 0;
    for (const int end : group_ends(spec)) {
      add_to_all(atoms, first, static_cast<std::size_t>(end), size, stream, true);
      first = static_cast<std::size_t>(end);
    }
    add_to_all(moved.measure.groups, 0, moved.measure.groups.size(), size, stream, true);
    return moved;
  }
  if (is_in_ball(spec.gate)) {
    move_in_ball(spec, moved, size, stream);
  } else if (is_on_sphere(spec.gate)) {
    move_on_sphere(spec, moved, size, stream);
  }
  const bool moves_slopes = shift_space(spec) == ShiftSpace::slopes_and_bias && !is_in_ball(spec.gate);
  if (shift_space(spec) != ShiftSpace::none) {
    add_to_all(atoms, 0, atoms.size(), size, stream, moves_slopes);
  }
  if (temperature_is_unit(spec.gate) && bias_is_divided(spec)) {
    const Wide factor = exp(Wide(stream.uniform(-size, size)));
    for (BasicAtom<Wide>& atom : atoms) {
      atom.bias *= factor;
      for (Wide& value : atom.gate) {
        value *= factor;
      }
    }
    moved.temperature *= factor;
  }
  return moved;
}

Wide wide_value(const MixtureFamily& family, const WideMeasure& measure, const std::vector<Wide>& x,
                int output) {
  using Number = Jet<Wide, 1>;
  const auto jets = [](const std::vector<BasicAtom<Wide>>& atoms) {
    std::vector<BasicAtom<Number>> result;
    result.reserve(atoms.size());
    for (const BasicAtom<Wide>& atom : atoms) {
      result.push_back({Number(atom.bias),
                        {atom.gate.begin(), atom.gate.end()},
                        {atom.expert.begin(), atom.expert.end()}});
    }
    return result;
  };
  const std::vector<Number> inputs(x.begin(), x.end());
  return family_value<Number>(family, {jets(measure.measure.atoms), jets(measure.measure.groups)},
                              Number(measure.temperature), inputs, output)
      .value();
}

}  // namespace moest
