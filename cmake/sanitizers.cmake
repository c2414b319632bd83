# Instruments everything that is built after this line, GoogleTest too.
if(BIMIP_SANITIZE)
  add_compile_options(-fsanitize=${BIMIP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BIMIP_SANITIZE})
endif()
if(BIMIP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage, so that the fuzzer sees which branches it reached
endif()
