// Includes Eigen as the library does: what symbols that leaves in a unit is not the library's doing.
#include <Eigen/Core>
