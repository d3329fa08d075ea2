#include "moest/theory/local_functions.h"

#include <Eigen/QR>
#include <algorithm>

#include "moest/model/catalogue.h"

namespace moest {
namespace {

/// Whether the temperature is an unknown of the cells.
bool has_temperature(const GateSpec& gate, Coordinates coordinates) {
  return learns_temperature(gate) && (coordinates == Coordinates::raw || !temperature_is_unit(gate));
}

/// An orthonormal basis of the vectors that are orthogonal to omega, d x (d - 1).
Eigen::MatrixXd tangent_basis(const Eigen::VectorXd& omega) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(omega);
  const Eigen::MatrixXd q = qr.householderQ();
  return q.rightCols(omega.size() - 1);
}

Cell atom_cell(const Truth& truth, int index) {
  const Atom& atom = truth.measure.atoms[static_cast<std::size_t>(index)];
  Cell cell{Cell::Kind::atom, index, truth.family.gate_names(), 0, 0, atom.gate};
  if (!has_masses(truth.family.spec.gate)) {
    cell.names.emplace_back("b_0");
    cell.at.push_back(atom.bias);
  }
  cell.num_gate = static_cast<int>(cell.at.size());
  for (const std::string& name : truth.family.expert_names()) {
    cell.names.push_back(name);
  }
  cell.at.insert(cell.at.end(), atom.expert.begin(), atom.expert.end());
  cell.num_first = static_cast<int>(cell.at.size());
  return cell;
}

Cell group_cell(const Truth& truth, int index, int first, int last) {
  const Atom& group = truth.measure.groups[static_cast<std::size_t>(index)];
  Cell cell{Cell::Kind::group, index, truth.family.gate_names(), 0, 0, group.gate};
  cell.num_gate = cell.num_first = static_cast<int>(cell.at.size());
  const auto add = [&](const std::string& name, int atom, double value) {
    cell.names.push_back(name + " of expert " + std::to_string(atom - first + 1));
    cell.at.push_back(value);
  };
  for (int i = first; i < last; ++i) {
    const Atom& atom = truth.measure.atoms[static_cast<std::size_t>(i)];
    if (i + 1 < last) {  // the last one is the reference of the inner gate
      add("b_0", i, atom.bias);
      const std::vector<std::string> names = truth.family.gate_names();
      for (std::size_t j = 0; j < names.size(); ++j) {
        add(names[j], i, atom.gate[j]);
      }
    }
    const std::vector<std::string> names = truth.family.expert_names();
    for (std::size_t j = 0; j < names.size(); ++j) {
      add(names[j], i, atom.expert[j]);
    }
  }
  return cell;
}

template <class T>
std::vector<Jet<T>> constants(std::span<const double> values) {
  std::vector<Jet<T>> jets;
  for (const double value : values) {
    jets.emplace_back(T(value));
  }
  return jets;
}

template <class T>
std::vector<T> values_of(const std::vector<Jet<T>>& jets) {
  std::vector<T> values;
  values.reserve(jets.size());
  for (const Jet<T>& jet : jets) {
    values.push_back(jet.value());
  }
  return values;
}

/// Of functions h with weights w that sum to one, h_j - sum_l w_l h_l.
template <class T>
T difference_from_mean(const std::vector<T>& h, const std::vector<T>& w, std::size_t j) {
  T sum = T(0);
  for (std::size_t l = 0; l < h.size(); ++l) {
    sum += w[l] * (h[j] - h[l]);
  }
  return sum;
}

template <class T>
std::vector<T> softmax_of(std::vector<T> scores, int kept = 0) {
  softmax(std::span<T>(scores), kept);
  return scores;
}

}  // namespace

template <class T>
LocalFunctions<T>::LocalFunctions(const Truth& truth, Coordinates coordinates)
    : truth_(truth),
      shares_temperature_(has_temperature(truth.family.spec.gate, coordinates)),
      has_masses_(moest::has_masses(truth.family.spec.gate)) {
  using std::exp;
  const MixtureSpec& spec = truth.family.spec;
  const T unit = bias_is_divided(spec) ? T(spec.gate.temperature.value) : T(1);
  const auto add = [&](Cell cell, double bias) {
    cells_.push_back(std::move(cell));
    log_masses_.push_back(has_masses_ ? T(T(bias) / unit) : T(0));
    masses_.push_back(exp(log_masses_.back()));
  };
  for (int i = 0; i < spec.num_experts; ++i) {
    add(atom_cell(truth, i), truth.measure.atoms[static_cast<std::size_t>(i)].bias);
  }
  int first = 0;
  for (std::size_t g = 0; g < truth.measure.groups.size(); ++g) {
    const int last = group_ends(spec)[g];
    add(group_cell(truth, static_cast<int>(g), first, last), truth.measure.groups[g].bias);
    first = last;
  }
  if (coordinates == Coordinates::reduced && is_on_sphere(spec.gate)) {
    for (Cell& cell : cells_) {
      const Eigen::VectorXd omega = Eigen::Map<const Eigen::VectorXd>(cell.at.data(), cell.num_gate);
      tangents_.push_back(tangent_basis(omega));
      const auto d = static_cast<std::ptrdiff_t>(cell.num_gate);
      cell.at.erase(cell.at.begin(), cell.at.begin() + d);
      cell.names.erase(cell.names.begin(), cell.names.begin() + d);
      for (std::ptrdiff_t j = d - 1; j > 0; --j) {
        cell.at.insert(cell.at.begin(), 0.0);
        cell.names.insert(cell.names.begin(), "u_" + std::to_string(j));
      }
      cell.num_gate -= 1;
      cell.num_first -= 1;
    }
  }
}

template <class T>
typename LocalFunctions<T>::Range LocalFunctions<T>::first_order(std::size_t cell) const {
  const auto size_of = [&](const Cell& of) { return of.num_first + (has_masses_ ? 1 : 0); };
  Eigen::Index begin = 0;
  for (std::size_t j = 0; j < cell; ++j) {
    begin += size_of(cells_[j]);
  }
  return {begin, size_of(cells_[cell])};
}

template <class T>
Eigen::Index LocalFunctions<T>::num_first_order() const {
  const Range last = first_order(cells_.size() - 1);
  return last.begin + last.size + (shares_temperature_ ? 1 : 0);
}

template <class T>
typename LocalFunctions<T>::Number LocalFunctions<T>::temperature(int num_variables) const {
  const T value(truth_.family.spec.gate.temperature.value);
  return shares_temperature_ ? Number::variable(value, num_variables - 1, num_variables) : Number(value);
}

template <class T>
std::vector<Jet<T>> LocalFunctions<T>::variables(std::size_t cell) const {
  const int count = num_variables(cell);
  std::vector<Number> jets;
  for (std::size_t p = 0; p < cells_[cell].at.size(); ++p) {
    jets.push_back(Number::variable(T(cells_[cell].at[p]), static_cast<int>(p), count));
  }
  return jets;
}

template <class T>
std::vector<Jet<T>> LocalFunctions<T>::raw_gate(std::size_t cell, std::span<const Number> variables) const {
  const auto count = static_cast<std::size_t>(truth_.family.spec.num_inputs);
  if (tangents_.empty()) {
    const std::size_t size = truth_.measure.atoms.front().gate.size();
    return {variables.begin(), variables.begin() + static_cast<std::ptrdiff_t>(size)};
  }
  std::vector<Number> gate =
      constants<T>(truth_.measure.atoms[static_cast<std::size_t>(cells_[cell].index)].gate);
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t u = 0; u + 1 < count; ++u) {
      gate[j] += Number(T(tangents_[cell](static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(u)))) *
                 variables[u];
    }
  }
  return gate;
}

template <class T>
Measure LocalFunctions<T>::displaced(std::size_t cell, const Eigen::VectorXd& displacement) const {
  const Cell& of = cells_[cell];
  const MixtureSpec& spec = truth_.family.spec;
  Eigen::VectorXd theta = Eigen::Map<const Eigen::VectorXd>(of.at.data(), displacement.size()) + displacement;
  const double* next = theta.data();
  const auto take = [&](std::vector<double>& into) {
    std::copy_n(next, into.size(), into.begin());
    next += into.size();
  };
  if (of.kind == Cell::Kind::atom) {
    Atom atom = truth_.measure.atoms[static_cast<std::size_t>(of.index)];
    if (tangents_.empty()) {
      take(atom.gate);
      if (!has_masses_) {
        atom.bias = *next++;
      }
    } else {
      Eigen::Map<Eigen::VectorXd>(atom.gate.data(), spec.num_inputs) +=
          tangents_[cell] * theta.head(of.num_gate);
      next += of.num_gate;
    }
    take(atom.expert);
    return {{atom}, {}};
  }
  Measure group{{}, {truth_.measure.groups[static_cast<std::size_t>(of.index)]}};
  take(group.groups.front().gate);
  const int last = group_ends(spec)[static_cast<std::size_t>(of.index)];
  const int first = last - group_sizes(spec)[static_cast<std::size_t>(of.index)];
  for (int i = first; i < last; ++i) {
    Atom atom = truth_.measure.atoms[static_cast<std::size_t>(i)];
    if (i + 1 < last) {
      atom.bias = *next++;
      take(atom.gate);
    }
    take(atom.expert);
    group.atoms.push_back(atom);
  }
  return group;
}

template <class T>
std::vector<Jet<T>> LocalFunctions<T>::at(std::span<const T> x, int output) const {
  const std::vector<Number> inputs(x.begin(), x.end());
  return truth_.measure.groups.empty() ? flat(inputs, output) : hierarchical(inputs, output);
}

template <class T>
std::vector<Jet<T>> LocalFunctions<T>::flat(std::span<const Number> x, int output) const {
  using std::exp;
  const MixtureSpec& spec = truth_.family.spec;
  const std::vector<Number> z = gate_features<Number>(spec, x);
  std::vector<Number> scores;
  std::vector<Number> experts;
  std::vector<T> with_mass;
  for (std::size_t j = 0; j < cells_.size(); ++j) {
    const std::vector<Number> theta = variables(j);
    const std::span<const Number> all(theta);
    const auto num_gate = static_cast<std::size_t>(cells_[j].num_gate);
    const Number bias = has_masses_ ? Number(T(0)) : theta[num_gate - 1];
    scores.push_back(gate_score<Number>(spec, raw_gate(j, all), bias, temperature(num_variables(j)), z));
    experts.push_back(family_expert<Number>(truth_.family, all.subspan(num_gate), x, output));
    with_mass.push_back(scores[j].value() + log_masses_[j]);
  }
  std::vector<Number> phi;
  if (!weights_sum_to_one(spec.gate)) {
    for (std::size_t j = 0; j < cells_.size(); ++j) {
      phi.push_back(scores[j] * experts[j]);
    }
    return phi;
  }
  const std::vector<T> w = softmax_of(with_mass, spec.gate.top_k);
  const std::vector<T> h = values_of(experts);
  for (std::size_t j = 0; j < cells_.size(); ++j) {
    const Number share = exp(scores[j] - Number(scores[j].value())) * Number(T(w[j] / masses_[j]));
    phi.push_back(share * experts[j].with_value(difference_from_mean(h, w, j)));
  }
  return phi;
}

/// F_g as a function of all that is inside the group.
template <class T>
Jet<T> LocalFunctions<T>::group_mean(std::size_t cell, const std::vector<Number>& variables,
                                     std::span<const Number> z, std::span<const Number> x, int output) const {
  const MixtureSpec& spec = truth_.family.spec;
  const int first =
      cells_[cell].index == 0 ? 0 : group_ends(spec)[static_cast<std::size_t>(cells_[cell].index) - 1];
  const int last = group_ends(spec)[static_cast<std::size_t>(cells_[cell].index)];
  std::span<const Number> rest =
      std::span<const Number>(variables).subspan(static_cast<std::size_t>(cells_[cell].num_gate));
  std::vector<Number> weights;
  std::vector<Number> experts;
  for (int i = first; i < last; ++i) {
    const Atom& atom = truth_.measure.atoms[static_cast<std::size_t>(i)];
    Number bias(T(atom.bias));
    std::vector<Number> gate = constants<T>(atom.gate);
    if (i + 1 < last) {
      bias = rest.front();
      gate.assign(rest.begin() + 1, rest.begin() + 1 + static_cast<std::ptrdiff_t>(gate.size()));
      rest = rest.subspan(1 + gate.size());
    }
    weights.push_back(gate_score<Number>(spec, gate, bias, Number(T(1)), z));
    experts.push_back(family_expert<Number>(truth_.family, rest.first(atom.expert.size()), x, output));
    rest = rest.subspan(atom.expert.size());
  }
  softmax(std::span<Number>(weights));
  Number mean(T(0));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    mean += weights[i] * experts[i];
  }
  return mean;
}

template <class T>
std::vector<Jet<T>> LocalFunctions<T>::hierarchical(std::span<const Number> x, int output) const {
  using std::exp;
  const MixtureSpec& spec = truth_.family.spec;
  const auto k = static_cast<std::size_t>(spec.num_experts);
  const std::vector<Number> z = gate_features<Number>(spec, x);
  std::vector<Number> scores;
  std::vector<Number> functions;  // h of an atom, F of a group
  for (std::size_t j = 0; j < cells_.size(); ++j) {
    const std::vector<Number> theta = variables(j);
    scores.push_back(gate_score<Number>(spec, raw_gate(j, theta), Number(T(0)), Number(T(1)), z));
    functions.push_back(j < k ? family_expert<Number>(truth_.family,
                                                      std::span<const Number>(theta).subspan(
                                                          static_cast<std::size_t>(cells_[j].num_gate)),
                                                      x, output)
                              : group_mean(j, theta, z, x, output));
  }
  // Phi of the cells first .. last - 1, whose weights one softmax makes, each times `outer`.
  std::vector<Number> phi(cells_.size());
  const auto fill = [&](std::size_t first, std::size_t last, const T& outer) {
    std::vector<T> with_mass;
    std::vector<T> values;
    for (std::size_t j = first; j < last; ++j) {
      with_mass.push_back(scores[j].value() + log_masses_[j]);
      values.push_back(functions[j].value());
    }
    std::vector<T> w = softmax_of(with_mass);
    for (std::size_t j = first; j < last; ++j) {
      const Number share =
          exp(scores[j] - Number(scores[j].value())) * Number(T(outer * w[j - first] / masses_[j]));
      phi[j] = share * functions[j].with_value(difference_from_mean(values, w, j - first));
    }
    return w;
  };
  const std::vector<T> shares = fill(k, cells_.size(), T(1));
  std::size_t first = 0;
  for (std::size_t g = 0; g < shares.size(); ++g) {
    const auto last = static_cast<std::size_t>(group_ends(spec)[g]);
    fill(first, last, shares[g]);
    first = last;
  }
  return phi;
}

template class LocalFunctions<double>;
template class LocalFunctions<Quad>;
template class LocalFunctions<Wide>;

}  // namespace moest
