// moest: its commands, and what its help says of it.
#include "app/program.h"
#include "moest/base/build_info.h"

int main(int argc, char** argv) {
  namespace app = moest::app;
  const app::Program program{
      "moest",
      "moest fits mixtures of experts by least squares.",
      moest::build_line(),
      "print version, git revision, compiler and SIMD target",
      "Exit status: 0 done, 1 failed, 2 wrong command or input, 3 done but no start converged.",
      "(the data or the model do not fit) Use fewer rows, inputs or experts.",
      {app::make_fit_command, app::make_predict_command, app::make_simulate_command,
       app::make_describe_command, app::make_plot_command, app::make_compare_command,
       app::make_select_command, app::make_bootstrap_command, app::make_loss_command,
       app::make_analyze_command, app::make_study_command, app::make_export_command}};
  return app::run_program(program, argc, argv);
}
