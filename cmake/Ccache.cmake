# The compiler cache, where ccache is installed. Its settings stand here, not in the environment, so
# that every way of building has them:
#   BASEDIR, NOHASHDIR  paths count relative to the checkout: another checkout finds what this one
#                       compiled
#   DEPEND              what a file depends on is taken from the compiler, so that a file that is
#                       not in the cache is read once; otherwise it is preprocessed first, a fifth
#                       of a cold build
#   SLOPPINESS          what precompiled headers need
find_program(HADAL_CCACHE ccache)
find_program(HADAL_ENV env)
if(HADAL_CCACHE AND HADAL_ENV)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HADAL_ENV}
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${HADAL_CCACHE})
endif()
