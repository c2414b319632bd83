# cmake -DROOT=... -DVERSION=... -DOUTPUT=... -P build_mark.cmake: a source that says what the server is made of.
set(hashes)
foreach(folder engine frontend proto)
  file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE ${ROOT} ${ROOT}/${folder}/*.cc ${ROOT}/${folder}/*.h
       ${ROOT}/${folder}/*.proto)
  list(SORT files)
  foreach(file ${files})
    file(SHA256 ${ROOT}/${file} hash)
    string(APPEND hashes "${file} ${hash}\n")
  endforeach()
endforeach()
string(SHA256 mark "${hashes}")
string(SUBSTRING ${mark} 0 12 mark)
file(WRITE ${OUTPUT} "#include \"frontend/replay/build.h\"

namespace bimip::frontend {

std::string_view this_build() { return \"${VERSION}+${mark}\"; }

}  // namespace bimip::frontend
")
