// Everything.
#pragma once

#include "append.hpp"
#include "calibrator.hpp"
#include "incre_flash_attention.hpp"
