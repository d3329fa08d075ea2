# Whether models can be exported: `moest_onnx_libraries` is what that takes, and empty without it. The libraries go by
# their names and not as targets, so that the installed package needs nothing to find them again.
set(moest_onnx_libraries "")
set(moest_onnx_definitions ONNX_NAMESPACE=onnx ONNX_ML=1)
if(MOEST_WITH_ONNX)
  include(CheckCXXSourceCompiles)
  include(CMakePushCheckState)
  cmake_push_check_state(RESET)
  set(CMAKE_REQUIRED_QUIET ON)
  list(TRANSFORM moest_onnx_definitions PREPEND -D OUTPUT_VARIABLE CMAKE_REQUIRED_DEFINITIONS)
  set(CMAKE_REQUIRED_LIBRARIES onnx onnx_proto protobuf)
  check_cxx_source_compiles("
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
int main() { onnx::checker::check_model(onnx::ModelProto()); }" MOEST_ONNX_COMPILES)
  cmake_pop_check_state()
  if(MOEST_ONNX_COMPILES)
    set(moest_onnx_libraries onnx onnx_proto protobuf)
  else()
    message(STATUS "Models cannot be exported to ONNX: that needs libonnx-dev and libprotobuf-dev")
  endif()
endif()
