# hadal_left_out(TEXT): this build lacks something, and why. Said at configuration and, by
# tools/run_tests.py, which reads build/*/left_out.txt, after the tests.
function(hadal_left_out text)
  message(STATUS "left out: ${text}")
  set_property(GLOBAL APPEND_STRING PROPERTY HADAL_LEFT_OUT "${text}\n")
endfunction()

function(hadal_write_left_out)
  get_property(text GLOBAL PROPERTY HADAL_LEFT_OUT)
  file(WRITE ${PROJECT_BINARY_DIR}/left_out.txt "${text}")
endfunction()
