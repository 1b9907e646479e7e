# Precompiled headers, two sets with the same flags: the standard library with fmt for the layers,
# GoogleTest too for the tests. Sources include what they use all the same, and builds without hold
# them to it (clang-tidy, preset clang). Files for an instruction set have other flags and use none.
set(HADAL_PCH_DEFAULT OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(HADAL_PCH_DEFAULT ON)
endif()
option(HADAL_PCH "precompiled headers" ${HADAL_PCH_DEFAULT})
if(HADAL_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(hadal_flags INTERFACE
    -fpch-preprocess  # without it ccache keeps nothing
    # A file needs less memory than this: collecting garbage is a twelfth of the compiler's time.
    --param=ggc-min-heapsize=1048576
    # g++ 12 forgets which precompiled headers are the system's, and what its optimiser thinks of
    # code that it inlined from there are false alarms. Builds without have these warnings.
    -Wno-array-bounds -Wno-dangling-pointer -Wno-free-nonheap-object -Wno-maybe-uninitialized
    -Wno-nonnull -Wno-stringop-overflow -Wno-stringop-overread)
elseif(HADAL_PCH)
  target_compile_options(hadal_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")  # for ccache
endif()

# hadal_precompile(TARGET SET): what SET has precompiled comes first in every file of TARGET.
function(hadal_precompile target set)
  if(HADAL_PCH)
    target_precompile_headers(${target} REUSE_FROM ${set})
  endif()
endfunction()

# A target of nothing but headers still needs a source.
function(hadal_header_set name)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBS" ${ARGN})
  if(HADAL_PCH)
    file(WRITE ${PROJECT_BINARY_DIR}/empty.cc.in "")
    configure_file(${PROJECT_BINARY_DIR}/empty.cc.in ${PROJECT_BINARY_DIR}/${name}.cc COPYONLY)
    add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/${name}.cc)
    target_link_libraries(${name} PRIVATE hadal_flags ${arg_LIBS})
    target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
  endif()
endfunction()

set(HADAL_COMMON_HEADERS <algorithm> <array> <cmath> <cstdint> <cstring> <filesystem>
  <functional> <limits> <map> <memory> <optional> <ostream> <span> <string> <string_view> <utility>
  <variant> <vector> <fmt/format.h>)
hadal_header_set(hadal_headers HEADERS ${HADAL_COMMON_HEADERS} LIBS fmt::fmt)
if(HADAL_BUILD_TESTS)
  hadal_header_set(hadal_test_headers HEADERS ${HADAL_COMMON_HEADERS} <gtest/gtest.h>
    LIBS fmt::fmt GTest::gtest)
endif()
