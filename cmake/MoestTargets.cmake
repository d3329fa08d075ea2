# Settings that every target of the project shares.

add_library(moest_build_settings INTERFACE)
target_compile_features(moest_build_settings INTERFACE cxx_std_20)
target_compile_options(moest_build_settings INTERFACE -Wall -Wextra -Wconversion -Wshadow)
# GCC 12 sees overlapping copies in std::string where there are none (GCC bug 105651).
target_compile_options(moest_build_settings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(MOEST_WARNINGS_AS_ERRORS)
  target_compile_options(moest_build_settings INTERFACE -Werror)
endif()

if(MOEST_SANITIZE)
  # Recovery is off: the first error ends the program, and a test fails by its exit status alone.
  add_compile_options(-fsanitize=${MOEST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MOEST_SANITIZE})
endif()

# The revision is read when the project is configured, and again whenever HEAD moves.
function(moest_git_revision result)
  execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12
                  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT revision)
    set(revision "unknown")
  endif()
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
               ${PROJECT_SOURCE_DIR}/VERSION)
  if(EXISTS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
    set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                 ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
  endif()
  set(${result} ${revision} PARENT_SCOPE)
endfunction()
