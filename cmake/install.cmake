# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
# What `cmake --install` puts where. With --prefix /usr everything is where a distribution's package would have it; below
# /usr/local systemd finds unit, sysusers and tmpfiles just as well.

# Whatever the umask of who installs.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

if(TARGET complyd)
  install(TARGETS complyd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
endif()
foreach(program complyctl complyd-sim)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# The unit names the daemon by its full path, which is known only now (cmake --install --prefix).
install(CODE "
  file(READ \"${CMAKE_SOURCE_DIR}/systemd/complyd.service\" unit)
  string(REPLACE \"=/usr/sbin/\" \"=\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/\" unit \"\${unit}\")
  string(REPLACE \"/usr/share/doc/\" \"\${CMAKE_INSTALL_PREFIX}/share/doc/\" unit \"\${unit}\")
  file(WRITE \"${CMAKE_BINARY_DIR}/complyd.service\" \"\${unit}\")")
install(FILES ${CMAKE_BINARY_DIR}/complyd.service DESTINATION lib/systemd/system)
install(FILES systemd/sysusers.d/complyd.conf DESTINATION lib/sysusers.d)
install(FILES systemd/tmpfiles.d/complyd.conf DESTINATION lib/tmpfiles.d)

# The program looks for its configuration in /etc/complyd, whatever the prefix. An administrator's own is never touched.
if(EXISTS ${CMAKE_SOURCE_DIR}/conf/complyd.conf)
  install(FILES conf/complyd.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
  install(CODE "
    set(own \"\$ENV{DESTDIR}/etc/complyd/complyd.conf\")
    if(EXISTS \"\${own}\")
      message(STATUS \"Kept: \${own}\")
    else()
      message(STATUS \"Installing: \${own}\")
      file(MAKE_DIRECTORY \"\$ENV{DESTDIR}/etc/complyd\")
      configure_file(\"${CMAKE_SOURCE_DIR}/conf/complyd.conf\" \"\${own}\" COPYONLY)
    endif()")
endif()

install(FILES completion/complyctl.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME complyctl)
install(FILES completion/_complyctl DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES completion/complyctl.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.yaml" PATTERN "*.json"
  PATTERN "man" EXCLUDE)
foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()
