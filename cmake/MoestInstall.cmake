# What `cmake --install` puts where: the library, its headers, the program, and what find_package(moest) and
# pkg-config need. Nothing in the installed files names the prefix: the tree may be moved.
include(CMakePackageConfigHelpers)

set(moest_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/moest)

install(TARGETS moest EXPORT moestTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS moest_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET moest_nn_program)
  install(TARGETS moest_nn_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/moest/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/moest
        FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# find_package(moest)
install(EXPORT moestTargets NAMESPACE moest:: DESTINATION ${moest_package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/moestConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/moestConfig.cmake
                              INSTALL_DESTINATION ${moest_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/moestConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/moestConfig.cmake ${PROJECT_BINARY_DIR}/moestConfigVersion.cmake
        DESTINATION ${moest_package_dir})

# pkg-config: the prefix is told from the place of moest.pc itself.
set(moest_pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH moest_pc_prefix /prefix/${moest_pkgconfig_dir} /prefix)
string(REGEX REPLACE "/$" "" moest_pc_prefix "${moest_pc_prefix}")
list(TRANSFORM moest_onnx_libraries PREPEND " -l" OUTPUT_VARIABLE moest_pc_onnx)
string(REPLACE ";" "" moest_pc_onnx "${moest_pc_onnx}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/moest.pc.in ${PROJECT_BINARY_DIR}/moest.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/moest.pc DESTINATION ${moest_pkgconfig_dir})
