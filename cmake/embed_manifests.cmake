# The walk-throughs' manifests as C++ strings, so that `spillway demo` plays the very files of manifests/walkthrough.
file(GLOB walkthrough_manifests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/manifests/walkthrough/*.yaml)
set(walkthrough_code "#include \"cmd/demo/manifests.h\"\n\nnamespace spillway::cmd {\n\n"
  "const std::map<std::string, std::string, std::less<>>& WalkthroughManifests() {\n"
  "  static const std::map<std::string, std::string, std::less<>> manifests = {\n")
foreach(manifest ${walkthrough_manifests})
  get_filename_component(name ${manifest} NAME_WE)
  file(READ ${manifest} yaml)
  string(APPEND walkthrough_code "      {\"${name}\", R\"yaml(${yaml})yaml\"},\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${manifest})
endforeach()
string(APPEND walkthrough_code "  };\n  return manifests;\n}\n\n}  // namespace spillway::cmd\n")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/demo_manifests.cc CONTENT "${walkthrough_code}" @ONLY)
target_sources(cmd PRIVATE ${CMAKE_BINARY_DIR}/generated/demo_manifests.cc)
