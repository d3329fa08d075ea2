// Pictures, drawn by gnuplot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "moest/data/dataset.h"
#include "moest/model/model.h"

namespace moest {

enum class PlotKind {
  fit,   // one input: data, fitted curve, expert curves, gate weights; more: fitted against observed
  gate,  // one input: the gate weights alone; more: as colours over the first two, the others at their means
  residuals,  // residuals against fitted values
  effects,    // of each input alone, averaged over the others: those with the largest effects first
};

/// The kinds by name, in the order of PlotKind.
std::vector<std::string> plot_kind_names();
/// Throws InputError for an unknown name.
PlotKind plot_kind(const std::string& name);

/// Whether the kind shows predictions only, and so can be of an ensemble; of another kind it has a single
/// model.
bool is_of_ensembles(PlotKind kind);

/// Draws a picture of a model on the samples of `data` (inputs in the model's order, data's units; the drawn
/// target alone, which gate and effects do without), of several targets that with the number `target`, into
/// `path`, whose ending says the format (in either case of letters): .svg, .pdf or .png. Throws InputError
/// for another ending, and EnvironmentError when gnuplot is missing or fails.
void plot(const Ensemble& ensemble, const Dataset& data, PlotKind kind, int target, const std::string& path,
          int num_threads);

}  // namespace moest
