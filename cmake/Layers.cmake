# One layer = one folder of src/ = one library, linking only the layers named in NEEDS.
# tools/check_layers.py checks the includes against the same table.
#
#   hadal_layer(NAME [OWN_HEADERS] [LIGHT] [WITHOUT file...] [NEEDS layer...] [LIBS target...])
#
# Every *.cc of the folder belongs to the library, every *_test.cc to one test program of the layer.
# A file named *_avx2.cc, *_avxvnni.cc, *_avx512.cc, *_avx512bf16.cc, *_neon.cc or *_i8mm.cc is
# compiled for that instruction set. Those of another architecture than the one built for, and with
# HADAL_SIMD off all, are left out with *_x86.cc or *_arm.cc, and x86_absent.cc, neon_absent.cc and
# *_plain.cc stand in. OWN_HEADERS: the layer says itself which headers are precompiled
# (cmake/Precompile.cmake). LIGHT: no time is spent in it worth optimising for; -O1 compiles it a
# fifth faster. WITHOUT: these are in another library of the folder, by hadal_library.
option(HADAL_SIMD "the vector kernels for x86-64 and 64-bit ARM" ON)
set(HADAL_X86 OFF)
set(HADAL_ARM OFF)
if(HADAL_SIMD AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(HADAL_X86 ON)
elseif(HADAL_SIMD AND CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(HADAL_ARM ON)
endif()

function(hadal_layer name)
  cmake_parse_arguments(arg "OWN_HEADERS;LIGHT" "" "WITHOUT;NEEDS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|main)\\.cc$")
  set(left_out)
  if(HADAL_X86)
    list(APPEND left_out "/x86_absent")
  else()
    list(APPEND left_out "_(x86|avx2|avxvnni|avx512|avx512bf16)")
  endif()
  if(HADAL_ARM)
    list(APPEND left_out "/neon_absent")
  else()
    list(APPEND left_out "_(arm|neon|i8mm)")
  endif()
  if(HADAL_X86 OR HADAL_ARM)
    list(APPEND left_out "_plain")
  endif()
  foreach(name_end IN LISTS left_out)
    list(FILTER sources EXCLUDE REGEX "${name_end}\\.cc$")
  endforeach()
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM arg_WITHOUT PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(REMOVE_ITEM sources ${arg_WITHOUT})

  set(own_headers)
  if(arg_OWN_HEADERS)
    set(own_headers OWN_HEADERS)
  endif()
  set(light)
  if(arg_LIGHT)
    set(light LIGHT)
  endif()
  hadal_library(${name} ${own_headers} ${light} SOURCES ${sources} NEEDS ${arg_NEEDS}
    LIBS ${arg_LIBS})

  if(HADAL_BUILD_TESTS AND tests)
    hadal_test(hadal_${name}_tests ${own_headers} SOURCES ${tests} NEEDS ${name})
  endif()
endfunction()

# A layer's library, or a part of one: hadal_NAME. Without SOURCES it is headers alone.
function(hadal_library name)
  cmake_parse_arguments(arg "OWN_HEADERS;LIGHT" "" "SOURCES;NEEDS;LIBS" ${ARGN})
  list(TRANSFORM arg_NEEDS PREPEND hadal_)
  if(NOT arg_SOURCES)
    add_library(hadal_${name} INTERFACE)
    target_link_libraries(hadal_${name} INTERFACE hadal_flags ${arg_NEEDS} ${arg_LIBS})
    return()
  endif()
  add_library(hadal_${name} STATIC ${arg_SOURCES})
  target_link_libraries(hadal_${name} PUBLIC hadal_flags ${arg_NEEDS} ${arg_LIBS})
  if(arg_LIGHT)
    target_compile_options(hadal_${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
  endif()
  hadal_isa_flags(${arg_SOURCES})
  if(NOT arg_OWN_HEADERS)
    hadal_precompile(hadal_${name} hadal_headers)
  endif()
endfunction()

# -O3: their loops over register tiles must be unrolled completely. Not with sanitizers, whose
# checks in unrolled loops take the compiler minutes.
function(hadal_isa_flags)
  set(optimise "$<$<NOT:$<CONFIG:Debug>>:-O3>")
  if(HADAL_SANITIZE)
    set(optimise "-O1")
  endif()
  set(avx2 "-mavx2;-mfma;-mf16c")
  set(quiet)  # g++ 12 warns falsely inside its own AVX-512 header (GCC bug 105593)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(quiet "-Wno-uninitialized;-Wno-maybe-uninitialized;")
  endif()
  set(avx512
    "${quiet}-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vbmi;-mavx512vnni;${avx2}")
  foreach(source IN LISTS ARGN)
    if(source MATCHES "_(avx[^/]*|neon|i8mm)\\.cc$")
      set_source_files_properties(${source} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
    if(source MATCHES "_avx2\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "${optimise};-mavx2;-mfma;-mf16c")
    elseif(source MATCHES "_avxvnni\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "${optimise};-mavx2;-mfma;-mf16c;-mavxvnni")
    elseif(source MATCHES "_avx512\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${optimise};${avx512}")
    elseif(source MATCHES "_neon\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "${optimise};-march=armv8.2-a+dotprod")
    elseif(source MATCHES "_i8mm\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "${optimise};-march=armv8.2-a+dotprod+i8mm")
    elseif(source MATCHES "_avx512bf16\\.cc$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "${optimise};${avx512};-mavx512bf16")
    endif()
  endforeach()
endfunction()

# hadal_test(PROGRAM [OWN_HEADERS] SOURCES file... NEEDS layer... [LIBS target...])
function(hadal_test program)
  cmake_parse_arguments(arg "OWN_HEADERS" "" "SOURCES;NEEDS;LIBS" ${ARGN})
  list(TRANSFORM arg_NEEDS PREPEND hadal_)
  add_executable(${program} ${arg_SOURCES})
  target_link_libraries(${program} PRIVATE ${arg_NEEDS} hadal_testing ${arg_LIBS} GTest::gtest_main)
  if(NOT arg_OWN_HEADERS)
    hadal_precompile(${program} hadal_test_headers)
  endif()
  string(REGEX REPLACE "^hadal_(.*)_tests$" "unit.\\1" label ${program})  # ctest sums their times
  gtest_discover_tests(${program} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${label} ENVIRONMENT "HADAL_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
endfunction()
