#include "moest/model/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "moest/base/error.h"
#include "moest/base/parallel.h"
#include "moest/kernel/output_passes.h"
#include "moest/model/catalogue.h"
#include "moest/model/chart.h"

namespace moest {
namespace {

// A chunk of rows is one task: a multiple of the block size, so that chunks split no block.
constexpr Eigen::Index kRowsPerTask = 64 * Eigen::Index{kBlockSize};

/// Of the experts those are kept that `result` has columns for: all or none.
void predict_rows(const MixtureChart& chart, const Eigen::VectorXd& v, const Eigen::MatrixXd& inputs,
                  Eigen::Index first_row, Predictions& result) {
  const SampleBlocks blocks = chart.blocks(inputs);
  OutputPasses passes(chart.layouts(), blocks);
  const auto k = static_cast<int>(result.weights.cols());
  for (int block = 0; block < blocks.num_blocks(); ++block) {
    const Eigen::Index row = first_row + Eigen::Index{block} * kBlockSize;
    const int count = blocks.block_samples(block);
    const auto copy = [&](const double* run, Eigen::Ref<Eigen::VectorXd> column) {
      column.segment(row, count) = Eigen::Map<const Eigen::VectorXd>(run, count);
    };
    for (int output = 0; output < passes.num_outputs(); ++output) {
      const BlockValues& values =
          passes.evaluate({v.data(), static_cast<std::size_t>(v.size())}, block, output);
      copy(values.mean, result.mean.col(output));
      for (int i = 0; i < k; ++i) {
        copy(values.experts[static_cast<std::size_t>(i)], result.experts.col(output * k + i));
        if (output == 0) {
          copy(values.weights[static_cast<std::size_t>(i)], result.weights.col(i));
        }
      }
    }
  }
}

// Kernel parameters straight from the raw atoms: whatever the file says is what is computed, bounds or not.
Eigen::VectorXd exact_kernel_parameters(const MixtureSpec& spec, const Measure& measure) {
  const MixtureChart unbounded(spec, std::numeric_limits<double>::max());
  return unbounded.kernel_parameters(unbounded.coordinates(measure));
}

/// Calls f(rows, first_row) for each task's rows of the inputs, scaled as the model wants them.
template <class F>
void for_each_task(const Model& model, const MatrixView& inputs, int num_threads, const F& f) {
  const Eigen::Index n = inputs.rows();
  const auto num_tasks = static_cast<int>((n + kRowsPerTask - 1) / kRowsPerTask);
  parallel_for(num_threads, num_tasks, [&](int task) {
    const Eigen::Index first = task * kRowsPerTask;
    const Eigen::MatrixXd rows = inputs.middleRows(first, std::min(kRowsPerTask, n - first));
    f(model.scaling ? scaled(rows, model.scaling->inputs) : rows, first);
  });
}

Predictions evaluate(const Model& model, const MatrixView& inputs, int num_kept_experts, int num_threads) {
  check(model);
  MOEST_EXPECT(inputs.cols() == model.spec.num_inputs);
  check_inputs(model.spec, inputs, model.scaling);
  MixtureSpec spec = model.spec;
  spec.gate.temperature.learned = false;  // it is known now
  const MixtureChart chart(spec, 1.0);
  const Eigen::VectorXd v = exact_kernel_parameters(spec, model.measure());
  const Eigen::Index n = inputs.rows();
  const int k = num_kept_experts;
  const int num_outputs = model.spec.num_outputs;
  Predictions result{Eigen::MatrixXd(n, num_outputs), Eigen::MatrixXd(n, k),
                     Eigen::MatrixXd(n, Eigen::Index{num_outputs} * k)};
  for_each_task(model, inputs, num_threads, [&](const Eigen::MatrixXd& rows, Eigen::Index first) {
    predict_rows(chart, v, rows, first, result);
  });
  for (int output = 0; model.scaling && output < num_outputs; ++output) {
    const Affine& target = model.scaling->targets[static_cast<std::size_t>(output)];
    auto mean = result.mean.col(output);
    mean = (target.scale * mean).array() + target.offset;
    // The mean is the sum of weight times expert, and where weights do not sum to one, of that and the
    // offset.
    const bool sums_to_one = weights_sum_to_one(model.spec.gate);
    auto experts = result.experts.middleCols(Eigen::Index{output} * k, k);
    experts = (target.scale * experts).array() + (sums_to_one ? target.offset : 0.0);
  }
  for (std::size_t j = 0; j < model.target_ranges.size(); ++j) {
    auto mean = result.mean.col(static_cast<Eigen::Index>(j));
    mean = mean.cwiseMax(model.target_ranges[j].low).cwiseMin(model.target_ranges[j].high);
  }
  return result;
}

}  // namespace

Predictions predict(const Model& model, const MatrixView& inputs, int num_threads) {
  return evaluate(model, inputs, model.spec.num_experts, num_threads);
}

Eigen::MatrixXd predict_mean(const Model& model, const MatrixView& inputs, int num_threads) {
  return evaluate(model, inputs, 0, num_threads).mean;
}

Eigen::MatrixXd predict_mean(const Ensemble& ensemble, const MatrixView& inputs, int num_threads) {
  MOEST_EXPECT(!ensemble.members.empty());
  MOEST_EXPECT(ensemble.weights.empty() || ensemble.weights.size() == ensemble.members.size());
  const auto weight = [&](std::size_t i) { return ensemble.weights.empty() ? 1.0 : ensemble.weights[i]; };
  Eigen::MatrixXd sum = predict_mean(ensemble.members.front(), inputs, num_threads);
  if (ensemble.members.size() == 1) {
    return sum;
  }
  sum *= weight(0);
  double total = weight(0);
  for (std::size_t i = 1; i < ensemble.members.size(); ++i) {
    sum += weight(i) * predict_mean(ensemble.members[i], inputs, num_threads);
    total += weight(i);
  }
  sum /= total;
  return sum;
}

Eigen::MatrixXd mean_standard_errors(const Model& model, const MatrixView& inputs, int num_threads) {
  check(model);
  MOEST_EXPECT(inputs.cols() == model.spec.num_inputs);
  check_inputs(model.spec, inputs, model.scaling);
  if (!model.covariance) {
    throw InputError("the model has no standard errors",
                     "it has no covariance, which a converged fit of moest writes unless there are very many "
                     "parameters",
                     "Fit it again with `moest fit ... --output`.");
  }
  const MixtureChart chart(model.spec, 1.0);
  const Eigen::MatrixXd& covariance = model.covariance->matrix;
  if (covariance.rows() != chart.layout().num_parameters) {
    throw InputError(fmt::format("the covariance of the model has {} rows", covariance.rows()),
                     fmt::format("its parameters are {}", chart.layout().num_parameters),
                     "Remove the field, or fit the model again.");
  }
  const Eigen::VectorXd v = exact_kernel_parameters(model.spec, model.measure());
  const std::span<const double> at(v.data(), static_cast<std::size_t>(v.size()));
  Eigen::MatrixXd result(inputs.rows(), model.spec.num_outputs);
  for_each_task(model, inputs, num_threads, [&](const Eigen::MatrixXd& task_rows, Eigen::Index first) {
    const SampleBlocks blocks = chart.blocks(task_rows);
    OutputPasses passes(chart.layouts(), blocks);
    Eigen::MatrixXd rows;
    Eigen::VectorXd residuals;
    for (int block = 0; block < blocks.num_blocks(); ++block) {
      for (int output = 0; output < model.spec.num_outputs; ++output) {
        passes.jacobian(at, block, output, rows, residuals);
        const auto variances = (rows * covariance).cwiseProduct(rows).rowwise().sum().array();
        const double scale =
            model.scaling ? model.scaling->targets[static_cast<std::size_t>(output)].scale : 1.0;
        result.col(output).segment(first + Eigen::Index{block} * kBlockSize, rows.rows()) =
            scale * variances.max(0.0).sqrt();
      }
    }
  });
  return result;
}

}  // namespace moest
