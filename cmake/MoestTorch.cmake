# Whether networks can be built: the target `moest_torch` is LibTorch, and is there only if all of it was found. It is
# looked for by its files, not by its own package, whose flags would overrule ours; for one that is not installed among
# the system's libraries, CMAKE_PREFIX_PATH names its folder (.../libtorch, or .../site-packages/torch of a Python).
function(moest_find_torch)
  if(MOEST_SANITIZE STREQUAL "thread")
    message(STATUS "moest-nn is not built: LibTorch's threads are not instrumented for the thread sanitizer")
    return()
  endif()
  find_path(MOEST_TORCH_CORE_INCLUDE c10/core/Device.h)
  find_path(MOEST_TORCH_API_INCLUDE torch/torch.h
            HINTS ${MOEST_TORCH_CORE_INCLUDE} PATH_SUFFIXES torch/csrc/api/include include/torch/csrc/api/include)
  set(libraries "")
  foreach(name torch torch_cpu c10)
    find_library(MOEST_TORCH_${name} ${name})
    list(APPEND libraries ${MOEST_TORCH_${name}})
  endforeach()
  foreach(name torch_cuda c10_cuda)  # only a LibTorch for GPUs has these
    find_library(MOEST_TORCH_${name} ${name})
    if(MOEST_TORCH_${name})
      list(APPEND libraries ${MOEST_TORCH_${name}})
    endif()
  endforeach()
  if(NOT (MOEST_TORCH_CORE_INCLUDE AND MOEST_TORCH_API_INCLUDE) OR "${libraries}" MATCHES "NOTFOUND")
    message(STATUS "moest-nn is not built: that needs LibTorch (Debian: libtorch-dev)")
    return()
  endif()

  # A LibTorch may have been built with the old strings of GCC's library; then every text that it is given is another
  # type to the linker.
  include(CheckCXXSourceCompiles)
  include(CMakePushCheckState)
  cmake_push_check_state(RESET)
  set(CMAKE_REQUIRED_QUIET ON)
  set(CMAKE_REQUIRED_FLAGS -std=c++20)
  set(CMAKE_REQUIRED_INCLUDES ${MOEST_TORCH_CORE_INCLUDE})
  set(CMAKE_REQUIRED_LIBRARIES ${libraries})
  check_cxx_source_compiles("
#include <c10/core/Device.h>
int main() { return static_cast<int>(c10::Device(c10::DeviceType::CPU).str().size()) - 3; }" MOEST_TORCH_LINKS)
  cmake_pop_check_state()
  if(NOT MOEST_TORCH_LINKS)
    message(STATUS "moest-nn is not built: a program with LibTorch in ${MOEST_TORCH_torch} does not link. If it was "
                   "built with -D_GLIBCXX_USE_CXX11_ABI=0, give that in CMAKE_CXX_FLAGS")
    return()
  endif()

  add_library(moest_torch INTERFACE IMPORTED GLOBAL)
  target_include_directories(moest_torch SYSTEM INTERFACE ${MOEST_TORCH_CORE_INCLUDE} ${MOEST_TORCH_API_INCLUDE})
  # GCC 12 sees overflows in std::string where there are none (GCC bug 105651) in files that begin with a precompiled
  # header.
  target_compile_options(moest_torch INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
  # The GPU's library is reached by nothing but its own registration, so that the linker must not leave it out.
  target_link_options(moest_torch INTERFACE -Wl,--no-as-needed)
  target_link_libraries(moest_torch INTERFACE ${libraries})
endfunction()

if(MOEST_WITH_TORCH)
  moest_find_torch()
endif()
