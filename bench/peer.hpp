// Another library's attention over the caches of a case.
#pragma once

#include <memory>

#include "decode.hpp"

namespace bench {

class Peer {
   public:
    virtual ~Peer() = default;
    virtual std::string name() const = 0;  // with its version
    virtual void run() = 0;                // one call, on the next layer
    // As Decode::relative_error, against the formula over what the peer's cache holds.
    virtual double relative_error() = 0;
};

// Each is null where its library was not found when the benchmark was built.
std::unique_ptr<Peer> make_ggml_peer(const Case& c, CacheMemory& memory);

}  // namespace bench
