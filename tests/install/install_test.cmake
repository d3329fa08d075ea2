# Run by ctest with cmake -P: see CMakeLists.txt beside it for the variables.
cmake_minimum_required(VERSION 3.25)

# run(<what> <command>...) fails the test with the command's output if it does not succeed; output in `output`.
function(run what)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE errors RESULT_VARIABLE status
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed with status ${status}:\n${text}\n${errors}")
  endif()
  message(STATUS "${what}: done")
  set(output "${text}" PARENT_SCOPE)
endfunction()

function(expect_build_line text)
  if(NOT text MATCHES "moest ${VERSION} ")
    message(FATAL_ERROR "expected the build line of version ${VERSION}, got: ${text}")
  endif()
endfunction()

# Files that name the tree they were installed to would break when it is moved.
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})
run("install" ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/first)
set(tree ${WORK_DIR}/moved)
file(RENAME ${WORK_DIR}/first ${tree})

foreach(path bin/moest ${LIBDIR}/libmoest.a include/moest/base/build_info.h ${LIBDIR}/pkgconfig/moest.pc
             ${LIBDIR}/cmake/moest/moestConfig.cmake ${LIBDIR}/cmake/moest/moestConfigVersion.cmake)
  if(NOT EXISTS ${tree}/${path})
    message(FATAL_ERROR "the installed tree lacks ${path}")
  endif()
endforeach()
run("the program" ${tree}/bin/moest --version)
expect_build_line("${output}")

# find_package
run("configure the CMake consumer" ${CMAKE_COMMAND} -S ${CONSUMER_DIR} -B ${WORK_DIR}/consumer -G Ninja
    -D CMAKE_PREFIX_PATH=${tree} -D CMAKE_BUILD_TYPE=${BUILD_TYPE} -D CMAKE_CXX_COMPILER=${COMPILER}
    -D EXPECTED_VERSION=${VERSION})
run("build the CMake consumer" ${CMAKE_COMMAND} --build ${WORK_DIR}/consumer)
run("the CMake consumer" ${WORK_DIR}/consumer/consumer)
expect_build_line("${output}")

# pkg-config, with --static and without
set(ENV{PKG_CONFIG_PATH} ${tree}/${LIBDIR}/pkgconfig)
foreach(static --static "")
  run("pkg-config ${static}" pkg-config --cflags --libs ${static} moest)
  separate_arguments(flags UNIX_COMMAND "${output}")
  run("build the pkg-config consumer" ${COMPILER} -std=c++20 ${CONSUMER_DIR}/main.cc ${flags}
      -o ${WORK_DIR}/pkg_config_consumer)
  run("the pkg-config consumer" ${WORK_DIR}/pkg_config_consumer)
  expect_build_line("${output}")
endforeach()
run("pkg-config --modversion" pkg-config --modversion moest)
if(NOT output STREQUAL VERSION)
  message(FATAL_ERROR "moest.pc says version ${output}, expected ${VERSION}")
endif()

# All installed headers compile with the flags that pkg-config gives; x-inl.h is text for x.h to include.
file(GLOB_RECURSE headers RELATIVE ${tree}/include ${tree}/include/moest/*.h)
list(FILTER headers EXCLUDE REGEX "-inl\\.h$")
foreach(header IN LISTS headers)
  file(APPEND ${WORK_DIR}/all_headers.cc "#include \"${header}\"\n")
endforeach()
run("compile all headers" ${COMPILER} -std=c++20 -Wall -Wextra -Werror -fsyntax-only ${WORK_DIR}/all_headers.cc ${flags})
