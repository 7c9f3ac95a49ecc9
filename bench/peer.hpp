// Another way to compute a case, over the same caches: other libraries, and what one writes without any.
#pragma once

#include <memory>
#include <string>

#include "decode.hpp"

namespace bench {

class Peer {
   public:
    virtual ~Peer() = default;
    virtual std::string name() const = 0;  // with its version and the type of its caches
    virtual void run() = 0;                // one call, on the next layer
    // As Decode::relative_error, against the formula over what the peer's cache holds.
    virtual double relative_error() = 0;
    // What its time over ours must be at least; 0 where it stands for orientation.
    virtual double must() const = 0;
};

// A kind of peer that was found when the benchmark was built.
struct PeerKind {
    std::string name;
    bool (*takes)(const Case& c);
    std::unique_ptr<Peer> (*make)(const Case& c, CacheMemory& memory);
};

// Each source registers its own.
inline std::vector<PeerKind>& peer_kinds() {
    static std::vector<PeerKind> kinds;
    return kinds;
}
struct RegisteredPeer {
    explicit RegisteredPeer(const PeerKind& kind) { peer_kinds().push_back(kind); }
};

// What the peers below can compute: one tensor of whole sequences, a head's rows side by side.
inline bool is_plain(const Case& c) {
    return c.layout == Layout::kBnsd && c.block_size == 0 && c.extra == Extra::kNone && !c.ragged;
}

}  // namespace bench
