// What a command tells the shell.
#pragma once

namespace bimip::tools {

inline constexpr int kExitDone = 0;
inline constexpr int kExitRefused = 1;    // a refusal, or damage was found
inline constexpr int kExitCannotRun = 2;  // a wrong flag, no server, no file
inline constexpr int kExitInterrupted = 130;

}  // namespace bimip::tools
