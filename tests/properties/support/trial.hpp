// Runs a case through a door of the library and judges what it wrote.
#pragma once

#include "judge.hpp"

namespace properties {

// What a case is, in full.
inline std::string describe(const Case& c) {
    std::ostringstream text;
    for (std::size_t f = 0; f < kFactors; ++f)
        text << "  " << descriptions()[f].name << ": " << descriptions()[f].values[c.point.values[f]] << "\n";
    const Extents& e = c.extents;
    text << "  B " << e.batch << ", N " << e.heads() << ", kvN " << e.kv_heads << ", Dk " << e.key_dim << ", Dv "
         << e.value_dim << ", columns " << c.columns() << ", rows of a tensor " << c.call.keys[0].shape.seq
         << ", kv_padding " << c.call.kv_padding << ", scale " << c.call.scale << ", windows";
    for (Index b = 0; b < e.batch; ++b) text << " [" << c.begin(b) << ", " << c.end(b) << ")";
    return text.str() + "\n";
}

// What is wrong with the result that execute(case) leaves over poison; empty if nothing is.
template <class Execute>
std::string complaint_about(Case& c, Worst& worst, const Execute& execute) {
    const std::vector<std::byte> output = c.call.output.bytes, log_sum_exp = c.call.log_sum_exp.bytes;
    try {
        execute(c);
    } catch (const std::exception& error) {
        return error.what();
    }
    if (!untouched_outside_rows(c.call.output, output)) return "bytes around the output's rows were written";
    const bool kept = c.types.log_sum_exp == LogSumExp::kKept;
    if (kept ? !untouched_outside_rows(c.call.log_sum_exp, log_sum_exp) : c.call.log_sum_exp.bytes != log_sum_exp)
        return "bytes around the log-sum-exp's rows were written";
    return Judge(c, worst).judge();
}

}  // namespace properties
