// Types, shapes and names as messages say them.
#pragma once

#include <cstdio>

#include "../tensor.hpp"

namespace ifa::inline IFA_ISA {

// "float16", or "uint4x2" with lanes.
struct DTypeText {
    char text[32];

    inline explicit DTypeText(const DType& dtype) {
        constexpr int kCodes = 7;
        constexpr const char* kNames[kCodes] = {"int", "uint", "float", "handle", "bfloat", "complex", "bool"};
        if (dtype == DType::kBool) std::snprintf(text, sizeof(text), "bool");
        else if (dtype.code >= kCodes) std::snprintf(text, sizeof(text), "type %d of %d bits", dtype.code, dtype.bits);
        else if (dtype.lanes == 1) std::snprintf(text, sizeof(text), "%s%d", kNames[dtype.code], dtype.bits);
        else std::snprintf(text, sizeof(text), "%s%dx%d", kNames[dtype.code], dtype.bits, dtype.lanes);
    }
};

// "(2, 8, 1, 128)".
struct AxesText {
    char text[100];  // of 4 axes with 20 digits each

    inline explicit AxesText(const Axes& axes) {
        const int axis_count = axes.rank() < Axes::kMostAxes ? axes.rank() : Axes::kMostAxes;
        std::size_t used = 0;
        text[used++] = '(';
        for (int i = 0; i < axis_count; ++i)
            used += static_cast<std::size_t>(std::snprintf(text + used, sizeof(text) - used, i == 0 ? "%lld" : ", %lld",
                                                           static_cast<long long>(axes[i])));
        std::snprintf(text + used, sizeof(text) - used, "%s",
                      axes.rank() > Axes::kMostAxes ? ", ...)"
                      : axes.rank() == 1            ? ",)"
                                                    : ")");
    }
};

// Of the tensors of a list: "key[3]"; a single one has the list's name, which costs nothing.
struct ListedName {
    const char* text;
    char listed[32];

    inline ListedName(const char* name, const TensorList& list, Index i) : text(list.size() == 1 ? name : listed) {
        if (list.size() != 1) std::snprintf(listed, sizeof(listed), "%s[%lld]", name, static_cast<long long>(i));
    }
    ListedName(const ListedName&) = delete;
    ListedName& operator=(const ListedName&) = delete;
};

}  // namespace ifa::inline IFA_ISA
