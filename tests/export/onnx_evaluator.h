// Evaluates ONNX graphs in double, whatever their precision: a small second opinion on what a runtime does.
#pragma once

#include <Eigen/Core>
#include <map>
#include <string>

namespace moest {

/// The outputs by name of the model in `bytes` at inputs (n x d). Of the operators it knows those that
/// exports use; it throws std::logic_error at others.
std::map<std::string, Eigen::MatrixXd> evaluate_onnx(const std::string& bytes, const Eigen::MatrixXd& inputs);

}  // namespace moest
