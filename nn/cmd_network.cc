// What the commands that train a network have in common on the command line.
#include "moest/base/error.h"
#include "nn/command.h"

namespace moest::nn {

void add_network_options(CLI::App& parser, TransformerOptions& network) {
  app::add_options(parser, router_options(), network.mixture.router, "Router");
  app::add_options(parser, mixture_options(), network.mixture, "Mixture layers");
  app::add_options(parser, transformer_options(), network, "Network");
  const std::string dense_help = "no mixture layers, for comparison: as --mixture-every 0";
  parser.add_flag("--dense", dense_help)->disable_flag_override();
}

void settle_network(const CLI::App& parser, TransformerOptions& network) {
  if (parser.count("--dense") > 0 && parser.count("--router") > 0) {
    throw InputError("--dense and --router exclude each other", "a dense network has no router",
                     "Leave one of them out.");
  }
  if (parser.count("--dense") > 0) {
    network.mixture_every = 0;
  }
  check_transformer(network);
  check(network.mixture);
}

void take_stored_network(const CLI::App& parser, TransformerOptions& network,
                         const nlohmann::ordered_json& stored) {
  take_stored(parser, transformer_options(), network, stored);
  take_stored(parser, mixture_options(), network.mixture, stored);
  take_stored(parser, router_options(), network.mixture.router, stored);
}

void take_stored_training(const CLI::App& parser, TrainingOptions& training,
                          const nlohmann::ordered_json& stored) {
  take_stored(parser, training_options(), training, stored);
  if (parser.count("--seed") == 0) {
    training.seed = stored.at("seed").get<std::uint64_t>();  // which may be too large for a double
  }
}

}  // namespace moest::nn
