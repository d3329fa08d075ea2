// The fits of race_bench by Ceres and GSL: peer_bench FOLDER, where FOLDER holds what `race_bench --dump
// FOLDER` wrote. One thread each; nothing of moest is linked in, so that all of it is compiled for this
// machine.
#include <benchmark/benchmark.h>
#include <ceres/ceres.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>

#include <cmath>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr int kMostIterations = 500;
std::string folder_of_races;

struct Race {
  int d = 0, k = 0;
  std::size_t n = 0;
  double target_rss = 0;
  std::vector<double> start;   // k - 1 gates (slopes, bias), then k experts (slopes, bias)
  std::vector<double> inputs;  // n x d, row by row
  std::vector<double> target;

  int num_parameters() const { return (2 * k - 1) * (d + 1); }
  const double* row(std::size_t i) const { return inputs.data() + i * static_cast<std::size_t>(d); }
};

const Race& race_of(const benchmark::State& state) {
  static std::map<std::string, std::unique_ptr<Race>> races;
  const std::string name = "d" + std::to_string(state.range(0)) + "_k" + std::to_string(state.range(1)) +
                           "_n" + std::to_string(state.range(2));
  std::unique_ptr<Race>& race = races[name];
  if (!race) {
    race = std::make_unique<Race>();
    std::ifstream file(folder_of_races + "/" + name + ".txt");
    file >> race->d >> race->k >> race->n >> race->target_rss;
    race->start.resize(static_cast<std::size_t>(race->num_parameters()));
    for (double& value : race->start) {
      file >> value;
    }
    race->inputs.resize(race->n * static_cast<std::size_t>(race->d));
    race->target.resize(race->n);
    for (std::size_t i = 0; i < race->n; ++i) {
      for (int j = 0; j < race->d; ++j) {
        file >> race->inputs[i * static_cast<std::size_t>(race->d) + static_cast<std::size_t>(j)];
      }
      file >> race->target[i];
    }
  }
  return *race;
}

/// f at one sample, for any arithmetic; v as in Race::start.
template <class T>
T mixture(int d, int k, const double* x, const T* v) {
  using std::exp, std::tanh;
  const auto affine = [&](const T* coefficients) {
    T t = coefficients[d];
    for (int j = 0; j < d; ++j) {
      t += coefficients[j] * x[j];
    }
    return t;
  };
  T total(1.0);
  T sum = tanh(affine(v + (2 * k - 2) * (d + 1)));
  for (int i = 0; i + 1 < k; ++i) {
    const T mass = exp(affine(v + i * (d + 1)));
    total += mass;
    sum += mass * tanh(affine(v + (k - 1 + i) * (d + 1)));
  }
  return sum / total;
}

/// f and its gradient at one sample, by hand. `work`: 2 k numbers.
double mixture_gradient(int d, int k, const double* x, const double* v, double* gradient, double* work) {
  const auto affine = [&](const double* coefficients) {
    double t = coefficients[d];
    for (int j = 0; j < d; ++j) {
      t += coefficients[j] * x[j];
    }
    return t;
  };
  double* weights = work;
  double* experts = work + k;
  double total = 1;
  for (int i = 0; i < k; ++i) {
    weights[i] = i + 1 < k ? std::exp(affine(v + i * (d + 1))) : 1.0;
    total += i + 1 < k ? weights[i] : 0.0;
    experts[i] = std::tanh(affine(v + (k - 1 + i) * (d + 1)));
  }
  double f = 0;
  for (int i = 0; i < k; ++i) {
    weights[i] /= total;
    f += weights[i] * experts[i];
  }
  if (gradient == nullptr) {
    return f;
  }
  const auto put = [&](double* at, double sensitivity) {
    for (int j = 0; j < d; ++j) {
      at[j] = sensitivity * x[j];
    }
    at[d] = sensitivity;
  };
  for (int i = 0; i < k; ++i) {
    if (i + 1 < k) {
      put(gradient + i * (d + 1), weights[i] * (experts[i] - f));
    }
    put(gradient + (k - 1 + i) * (d + 1), weights[i] * (1 - experts[i] * experts[i]));
  }
  return f;
}

void report(benchmark::State& state, const Race& race, double rss, int iterations) {
  state.counters["iterations"] = iterations;
  if (!(rss <= race.target_rss)) {
    state.SkipWithError(("stopped at " + std::to_string(rss)).c_str());
  }
}

/// One residual with its gradient.
class SampleCost : public ceres::CostFunction {
 public:
  SampleCost(int d, int k, const double* x, double y)
      : d_(d), k_(k), x_(x), y_(y), work_(static_cast<std::size_t>(2 * k)) {
    set_num_residuals(1);
    mutable_parameter_block_sizes()->push_back((2 * k - 1) * (d + 1));
  }
  bool Evaluate(double const* const* v, double* residual, double** jacobians) const override {
    double* gradient = jacobians == nullptr ? nullptr : jacobians[0];
    *residual = mixture_gradient(d_, k_, x_, v[0], gradient, work_.data()) - y_;
    return true;
  }

 private:
  int d_, k_;
  const double* x_;
  double y_;
  mutable std::vector<double> work_;
};

/// All residuals with the whole Jacobian.
class TableCost : public ceres::CostFunction {
 public:
  explicit TableCost(const Race& race) : race_(race), work_(static_cast<std::size_t>(2 * race.k)) {
    set_num_residuals(static_cast<int>(race.n));
    mutable_parameter_block_sizes()->push_back(race.num_parameters());
  }
  bool Evaluate(double const* const* v, double* residuals, double** jacobians) const override {
    const auto p = static_cast<std::size_t>(race_.num_parameters());
    for (std::size_t i = 0; i < race_.n; ++i) {
      double* gradient = jacobians == nullptr || jacobians[0] == nullptr ? nullptr : jacobians[0] + i * p;
      residuals[i] =
          mixture_gradient(race_.d, race_.k, race_.row(i), v[0], gradient, work_.data()) - race_.target[i];
    }
    return true;
  }

 private:
  const Race& race_;
  mutable std::vector<double> work_;
};

template <int d, int k>
struct Residual {
  template <class T>
  bool operator()(const T* v, T* residual) const {
    residual[0] = mixture<T>(d, k, x, v) - y;
    return true;
  }
  const double* x;
  double y;
};

/// Ends a solution once the target is reached.
class StopAtTarget : public ceres::IterationCallback {
 public:
  explicit StopAtTarget(double target_rss) : target_rss_(target_rss) {}
  ceres::CallbackReturnType operator()(const ceres::IterationSummary& summary) override {
    return 2 * summary.cost <= target_rss_ ? ceres::SOLVER_TERMINATE_SUCCESSFULLY : ceres::SOLVER_CONTINUE;
  }

 private:
  double target_rss_;
};

template <class AddResiduals>
void ceres_fit(benchmark::State& state, const Race& race, AddResiduals add_residuals) {
  ceres::Solver::Summary summary;
  for (auto _ : state) {
    std::vector<double> v = race.start;
    ceres::Problem problem;
    add_residuals(problem, v.data());
    StopAtTarget stop(race.target_rss);
    ceres::Solver::Options options;
    options.linear_solver_type = ceres::DENSE_NORMAL_CHOLESKY;
    options.max_num_iterations = kMostIterations;
    options.function_tolerance = options.gradient_tolerance = options.parameter_tolerance = 1e-16;
    options.logging_type = ceres::SILENT;
    options.callbacks.push_back(&stop);
    ceres::Solve(options, &problem, &summary);
  }
  report(state, race, 2 * summary.final_cost, static_cast<int>(summary.iterations.size()) - 1);
}

void ceres_analytic(benchmark::State& state) {
  const Race& race = race_of(state);
  ceres_fit(state, race, [&](ceres::Problem& problem, double* v) {
    for (std::size_t i = 0; i < race.n; ++i) {
      problem.AddResidualBlock(new SampleCost(race.d, race.k, race.row(i), race.target[i]), nullptr, v);
    }
  });
}

void ceres_one_block(benchmark::State& state) {
  const Race& race = race_of(state);
  ceres_fit(state, race, [&](ceres::Problem& problem, double* v) {
    problem.AddResidualBlock(new TableCost(race), nullptr, v);
  });
}

template <int d, int k>
void ceres_autodiff(benchmark::State& state) {
  const Race& race = race_of(state);
  constexpr int p = (2 * k - 1) * (d + 1);
  ceres_fit(state, race, [&](ceres::Problem& problem, double* v) {
    for (std::size_t i = 0; i < race.n; ++i) {
      problem.AddResidualBlock(new ceres::AutoDiffCostFunction<Residual<d, k>, 1, p>(
                                   new Residual<d, k>{race.row(i), race.target[i]}),
                               nullptr, v);
    }
  });
}

struct GslProblem {
  const Race& race;
  std::vector<double> work;
};

int gsl_residuals(const gsl_vector* v, void* data, gsl_vector* residuals) {
  auto& problem = *static_cast<GslProblem*>(data);
  for (std::size_t i = 0; i < problem.race.n; ++i) {
    const double f = mixture_gradient(problem.race.d, problem.race.k, problem.race.row(i), v->data, nullptr,
                                      problem.work.data());
    gsl_vector_set(residuals, i, f - problem.race.target[i]);
  }
  return GSL_SUCCESS;
}

int gsl_jacobian(const gsl_vector* v, void* data, gsl_matrix* jacobian) {
  auto& problem = *static_cast<GslProblem*>(data);
  for (std::size_t i = 0; i < problem.race.n; ++i) {
    mixture_gradient(problem.race.d, problem.race.k, problem.race.row(i), v->data,
                     gsl_matrix_ptr(jacobian, i, 0), problem.work.data());
  }
  return GSL_SUCCESS;
}

void gsl_cholesky(benchmark::State& state) {
  const Race& race = race_of(state);
  GslProblem data{race, std::vector<double>(static_cast<std::size_t>(2 * race.k))};
  const auto n = race.n;
  const auto p = static_cast<std::size_t>(race.start.size());
  gsl_multifit_nlinear_fdf functions{};
  functions.f = gsl_residuals;
  functions.df = gsl_jacobian;
  functions.n = n;
  functions.p = p;
  functions.params = &data;
  gsl_multifit_nlinear_parameters parameters = gsl_multifit_nlinear_default_parameters();
  parameters.solver = gsl_multifit_nlinear_solver_cholesky;
  const gsl_vector_const_view start = gsl_vector_const_view_array(race.start.data(), p);
  gsl_set_error_handler_off();
  double rss = 0;
  int iterations = 0;
  for (auto _ : state) {
    gsl_multifit_nlinear_workspace* workspace =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &parameters, n, p);
    gsl_multifit_nlinear_init(&start.vector, &functions, workspace);
    const gsl_vector* residuals = gsl_multifit_nlinear_residual(workspace);
    for (iterations = 0; iterations < kMostIterations; ++iterations) {
      gsl_blas_ddot(residuals, residuals, &rss);
      if (rss <= race.target_rss || gsl_multifit_nlinear_iterate(workspace) != GSL_SUCCESS) {
        break;
      }
    }
    gsl_blas_ddot(residuals, residuals, &rss);
    gsl_multifit_nlinear_free(workspace);
  }
  report(state, race, rss, iterations);
}

void sizes(benchmark::internal::Benchmark* benchmark, int d, int k) {
  benchmark->ArgNames({"d", "k", "n"})->Unit(benchmark::kMillisecond);
  for (const int n : {1000, 10'000, 100'000}) {
    benchmark->Args({d, k, n});
  }
}

void all_shapes(benchmark::internal::Benchmark* benchmark) {
  sizes(benchmark, 1, 2);
  sizes(benchmark, 2, 3);
  sizes(benchmark, 8, 4);
}

BENCHMARK(ceres_analytic)->Apply(all_shapes);
BENCHMARK(ceres_one_block)->Apply(all_shapes);
BENCHMARK_TEMPLATE(ceres_autodiff, 1, 2)->Name("ceres_autodiff")->Apply([](auto* b) { sizes(b, 1, 2); });
BENCHMARK_TEMPLATE(ceres_autodiff, 2, 3)->Name("ceres_autodiff")->Apply([](auto* b) { sizes(b, 2, 3); });
BENCHMARK_TEMPLATE(ceres_autodiff, 8, 4)->Name("ceres_autodiff")->Apply([](auto* b) { sizes(b, 8, 4); });
BENCHMARK(gsl_cholesky)->Apply(all_shapes);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::cerr << "peer_bench: no folder of problems (race_bench --dump FOLDER makes one) Name it last.\n";
    return 2;
  }
  folder_of_races = argv[1];
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
