# ifa_compile_per_isa(<target> <source>): compiles a source of the target once for each instruction set that ifa has
# kernels for on this architecture, whatever flags the rest of the target has. What the source defines goes into
# `namespace ...::IFA_ISA`; which of them to call is asked of `ifa::best_isa()`. Keep such a source thin: a function that
# other units compile too (a member of std::vector, say) may be linked from any of them.
function(ifa_compile_per_isa target source)
    set(portable_flags -DIFA_FORCE_PORTABLE)
    set(avx2_flags -mavx2 -mfma -mf16c)
    set(avx512_flags ${avx2_flags} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni)
    set(neon_flags)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        set(instruction_sets portable avx2 avx512)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
        set(instruction_sets neon)
    else()
        set(instruction_sets portable)
    endif()
    foreach(isa IN LISTS instruction_sets)
        set(unit ${target}_${isa})
        add_library(${unit} OBJECT ${source})
        target_compile_options(${unit} PRIVATE ${${isa}_flags})
        target_link_libraries(${unit} PRIVATE ifa::ifa)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:${unit}>)
    endforeach()
endfunction()
