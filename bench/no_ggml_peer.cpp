#include "peer.hpp"

namespace bench {

std::unique_ptr<Peer> make_ggml_peer(const Case&, CacheMemory&) {
    return nullptr;
}

}  // namespace bench
