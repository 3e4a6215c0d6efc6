# Manifests as C++ strings by name, so that the binary speaks of the very files that are there: `function` of namespace spillway::cmd,
# which `header` declares, returns those that `files` matches.
function(spillway_embed function header files)
  file(GLOB manifests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${files})
  set(code "#include \"${header}\"\n\nnamespace spillway::cmd {\n\n"
    "const std::map<std::string, std::string, std::less<>>& ${function}() {\n"
    "  static const std::map<std::string, std::string, std::less<>> manifests = {\n")
  foreach(manifest ${manifests})
    get_filename_component(name ${manifest} NAME_WE)
    file(READ ${manifest} yaml)
    string(APPEND code "      {\"${name}\", R\"yaml(${yaml})yaml\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${manifest})
  endforeach()
  string(APPEND code "  };\n  return manifests;\n}\n\n}  // namespace spillway::cmd\n")
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${function}.cc CONTENT "${code}" @ONLY)
  target_sources(cmd PRIVATE ${CMAKE_BINARY_DIR}/generated/${function}.cc)
endfunction()

spillway_embed(WalkthroughManifests cmd/demo/manifests.h manifests/walkthrough/*.yaml)
spillway_embed(RbacManifests cmd/doctor/rbac_manifests.h manifests/rbac/*.yaml)
