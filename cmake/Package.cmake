# What is installed, and the Debian packages that `make deb` builds: hadal, and hadal-train where
# the trainer was built. Manual and completions come from the program itself, so a build for another
# processor has none.

foreach(program IN ITEMS hadal hadal-train)
  if(TARGET ${program})
    string(REPLACE hadal-train train component ${program})
    install(TARGETS ${program} COMPONENT ${component})
  endif()
endforeach()
install(DIRECTORY models/embedded models/recall DESTINATION share/hadal/models COMPONENT hadal
  FILES_MATCHING PATTERN "*.json" PATTERN "*.safetensors" PATTERN "README.md"
  PATTERN "data" EXCLUDE)
install(FILES packaging/hadal.service DESTINATION lib/systemd/system COMPONENT hadal)
install(FILES LICENSE DESTINATION share/doc/hadal RENAME copyright COMPONENT hadal)
if(TARGET hadal-train)
  install(FILES LICENSE DESTINATION share/doc/hadal-train RENAME copyright COMPONENT train)
endif()

if(NOT CMAKE_CROSSCOMPILING)
  set(made ${PROJECT_BINARY_DIR}/made_by_hadal)
  add_custom_command(OUTPUT ${made}/stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
    COMMAND hadal man ${made}/man1
    COMMAND gzip -9 -n -r ${made}/man1
    COMMAND hadal completion bash > ${made}/hadal.bash
    COMMAND hadal completion zsh > ${made}/hadal.zsh
    COMMAND hadal completion fish > ${made}/hadal.fish
    COMMAND ${CMAKE_COMMAND} -E touch ${made}/stamp
    DEPENDS hadal COMMENT "Writing the manual and completions" VERBATIM)
  add_custom_target(manual ALL DEPENDS ${made}/stamp)
  add_dependencies(programs manual)
  install(DIRECTORY ${made}/man1 DESTINATION share/man COMPONENT hadal)
  install(FILES ${made}/hadal.bash DESTINATION share/bash-completion/completions RENAME hadal
    COMPONENT hadal)
  install(FILES ${made}/hadal.zsh DESTINATION share/zsh/vendor-completions RENAME _hadal
    COMPONENT hadal)
  install(FILES ${made}/hadal.fish DESTINATION share/fish/vendor_completions.d COMPONENT hadal)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hadal)
set(CPACK_PACKAGE_CONTACT "the hadal authors <hadal@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL hadal)
if(TARGET hadal-train)
  list(APPEND CPACK_COMPONENTS_ALL train)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_HADAL_PACKAGE_NAME hadal)
set(CPACK_COMPONENT_HADAL_DESCRIPTION "run, serve and size DeepSeek-V4 models on ordinary processors
An engine for language models of the DeepSeek-V4 architecture, with a terminal
chat, an HTTP server with the APIs of OpenAI and Anthropic, a page in the
browser, and a planner of memory and speed. A small model comes with it.")
set(scripts ${PROJECT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_HADAL_PACKAGE_CONTROL_EXTRA
  "${scripts}/postinst;${scripts}/prerm;${scripts}/postrm")
set(CPACK_DEBIAN_TRAIN_PACKAGE_NAME hadal-train)
set(CPACK_DEBIAN_TRAIN_PACKAGE_DEPENDS "hadal (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_TRAIN_DESCRIPTION "train DeepSeek-V4 models
The trainer behind `hadal train`, on LibTorch.")
include(CPack)
