# The studies in studies/ as a source file, so that the program has them wherever it is put.
function(moest_embed_studies result)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/studies/*/study.toml)
  list(SORT files)
  set(entries "")
  foreach(file ${files})
    set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    cmake_path(GET file PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    file(READ ${file} text)
    string(APPEND entries "    ShippedStudy{\"${name}\", R\"study(${text})study\"},\n")
  endforeach()
  set(source ${PROJECT_BINARY_DIR}/shipped_studies.cc)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
#include <array>

#include "moest/study/library.h"

namespace moest {

std::span<const ShippedStudy> shipped_studies() {
  static constexpr std::array kStudies{
@entries@  };
  return kStudies;
}

}  // namespace moest
]])
  set(${result} ${source} PARENT_SCOPE)
endfunction()
