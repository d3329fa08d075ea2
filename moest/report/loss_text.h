// Voronoi losses as text and as a picture.
#pragma once

#include <string>

#include "moest/model/model.h"
#include "moest/theory/voronoi.h"

namespace moest {

/// Both losses, and the cells in reduced coordinates. Experts and groups are numbered from 1.
std::string loss_report(const std::string& title, const VoronoiLoss& raw, const VoronoiLoss& reduced,
                        double power);

/// Throws InputError for models of more than two inputs, whose atoms lie in no plane, and as check_picture.
void check_loss_picture(const Model& truth, const std::string& path);

/// The atoms of both models in the plane of two gate parameters or, where the gate has one, of that and the
/// expert's first: fitted ones as points whose area grows with their mass, in the colour of their cell and
/// with a line to its true one, a cross. In reduced coordinates, after the common shift. Throws as
/// check_loss_picture and run_gnuplot.
void plot_loss(const Model& fitted, const Model& truth, const VoronoiLoss& reduced, const std::string& path);

}  // namespace moest
