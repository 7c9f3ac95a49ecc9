// Where query rows come from: a view.
#pragma once

#include "simd/row.hpp"
#include "view_checks.hpp"

namespace ifa::inline IFA_ISA {

// query [B, N, 1, Dk] of float32, float16 or bfloat16.
template <class T>
struct QueryRows {
    using role = role::QuerySource;
    using element = std::remove_const_t<T>;

    TensorView<T> query = {};

    IFA_INLINE Shape shape() const { return query.shape; }
    IFA_INLINE void read(Row row, float* to) const {
        simd::convert_row(query.row(row.sequence, row.head, row.query), query.shape.head_dim, to);
    }
    inline void check(const Geometry&, Contracts& contracts) const { check_view("query", query, contracts); }
    template <class Visit>
    inline void each_region(const Geometry&, const Visit& visit) const {
        visit("query", query);
    }
};

template <class T>
IFA_INLINE QueryRows<T> as_query(const TensorView<T>& query) {
    return {query};
}
template <class Source>
IFA_INLINE const Source& as_query(const Source& source) {
    return source;
}

}  // namespace ifa::inline IFA_ISA
