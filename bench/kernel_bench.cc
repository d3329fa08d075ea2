// The fused pass against its floor: the multiply-adds, exponentials and reciprocals that its mathematics
// needs, at the speed that this processor shows for each of them in the same run.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "bench/bench_problem.h"
#include "moest/kernel/fused_pass.h"
#include "moest/kernel/simd_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/kernel_bench.cc"
#include <hwy/foreach_target.h>
// foreach_target.h must come first
#include <hwy/highway.h>

#include "moest/kernel/vector_math.h"

HWY_BEFORE_NAMESPACE();
namespace moest {
namespace HWY_NAMESPACE {

// Twelve independent chains hide the latency of a multiply-add on every processor so far.
constexpr int kChains = 12;

/// `count` multiply-adds of doubles; returns something that depends on all of them.
double multiply_add(int count) {
  Lanes chains[kChains];
  for (int i = 0; i < kChains; ++i) {
    chains[i] = Lanes(1.0 + 0.1 * i);
  }
  const Lanes factor(0.999);
  const Lanes term(0.001);
  for (int i = 0; i < count; i += kChains * kLanes) {
    for (Lanes& chain : chains) {
      chain = fused(chain, factor, term);
    }
  }
  Lanes total(0.0);
  for (const Lanes& chain : chains) {
    total = total + chain;
  }
  return sum(total);
}

template <Lanes (*kFunction)(Lanes)>
void map(const double* x, double* y, int count) {
  for (int i = 0; i < count; i += kLanes) {
    kFunction(Lanes::load(x + i)).store(y + i);
  }
}

Lanes inverse(Lanes x) { return Lanes(1.0) / x; }

void exponential(const double* x, double* y, int count) { map<exp>(x, y, count); }
void hyperbolic_tangent(const double* x, double* y, int count) { map<tanh>(x, y, count); }
void reciprocal(const double* x, double* y, int count) { map<inverse>(x, y, count); }

}  // namespace HWY_NAMESPACE
}  // namespace moest
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moest {

HWY_EXPORT(multiply_add);
HWY_EXPORT(exponential);
HWY_EXPORT(hyperbolic_tangent);
HWY_EXPORT(reciprocal);

namespace {

constexpr int kMultiplyAdds = 96 * 256;  // a multiple of kChains x lanes on every target

void floor_multiply_add(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(HWY_DYNAMIC_DISPATCH(multiply_add)(kMultiplyAdds));
  }
  state.counters["ns"] = benchmark::Counter(
      kMultiplyAdds * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <class Function>
void floor_function(benchmark::State& state, Function function) {
  std::vector<double, oneapi::tbb::cache_aligned_allocator<double>> x(kBlockSize), y(kBlockSize);
  for (int i = 0; i < kBlockSize; ++i) {
    x[static_cast<std::size_t>(i)] = 0.5 + 0.01 * i;
  }
  for (auto _ : state) {
    function(x.data(), y.data(), kBlockSize);
    benchmark::ClobberMemory();
  }
  state.counters["ns"] = benchmark::Counter(
      kBlockSize * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void floor_exp(benchmark::State& state) {
  floor_function(state, [](const double* x, double* y, int n) {
    HWY_DYNAMIC_DISPATCH(exponential)(x, y, n);
  });
}
void floor_tanh(benchmark::State& state) {
  floor_function(state, [](const double* x, double* y, int n) {
    HWY_DYNAMIC_DISPATCH(hyperbolic_tangent)(x, y, n);
  });
}
void floor_reciprocal(benchmark::State& state) {
  floor_function(state, [](const double* x, double* y, int n) { HWY_DYNAMIC_DISPATCH(reciprocal)(x, y, n); });
}
BENCHMARK(floor_multiply_add);
BENCHMARK(floor_exp);
BENCHMARK(floor_tanh);
BENCHMARK(floor_reciprocal);

constexpr int kSamples = 100'000;

// What one sample needs at least: multiply-adds of the affine functions, of J'e and of J'J; exponentials and
// reciprocals of the weights and of the tanh experts.
struct Needs {
  double multiply_adds, exponentials, reciprocals;
};

Needs needs_of(int d, int k) {
  const double units = 2 * k - 1;
  const double features = d + 1;
  return {2 * units * features + units * (units + 1) / 2 * features * (features + 1) / 2, 2.0 * k - 1,
          k + 1.0};
}

/// Measures compute(pass, v) for the state's d and k.
template <class Compute>
void measure(benchmark::State& state, const Compute& compute) {
  const auto d = static_cast<int>(state.range(0));
  const auto k = static_cast<int>(state.range(1));
  const BenchProblem problem = bench_problem(d, k, kSamples, 1);
  FusedPass pass(problem.chart.layout(), problem.samples);
  const Eigen::VectorXd v = problem.chart.kernel_parameters(problem.start);
  for (auto _ : state) {
    compute(pass, std::span<const double>(v.data(), static_cast<std::size_t>(v.size())));
    benchmark::ClobberMemory();
  }
  const Needs needs = needs_of(d, k);
  state.counters["ns"] = benchmark::Counter(
      kSamples * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["multiply_adds"] = needs.multiply_adds;
  state.counters["exponentials"] = needs.exponentials;
  state.counters["reciprocals"] = needs.reciprocals;
}

template <Curvature curvature>
void linearise(benchmark::State& state) {
  NormalEquations equations;
  measure(state,
          [&](FusedPass& pass, std::span<const double> v) { pass.linearise(v, equations, curvature); });
}

void pass_cost(benchmark::State& state) {
  measure(state, [](FusedPass& pass, std::span<const double> v) {
    benchmark::DoNotOptimize(pass.residual_sum_of_squares(v));
  });
}

void pass_bend(benchmark::State& state) {
  Eigen::VectorXd result;
  measure(state, [&](FusedPass& pass, std::span<const double> v) { pass.bend(v, v, result); });
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"d", "k"})->Unit(benchmark::kMillisecond);
  for (const auto& [d, k] : {std::pair{1, 2}, {2, 3}, {8, 4}, {16, 8}, {32, 8}}) {
    benchmark->Args({d, k});
  }
}
BENCHMARK_TEMPLATE(linearise, Curvature::gauss_newton)->Name("pass_linearise")->Apply(shapes);
BENCHMARK_TEMPLATE(linearise, Curvature::newton)->Name("pass_hessian")->Apply(shapes);
BENCHMARK(pass_cost)->Apply(shapes);
BENCHMARK(pass_bend)->Apply(shapes);

}  // namespace
}  // namespace moest
#endif  // HWY_ONCE
