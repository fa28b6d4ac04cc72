# Recipes for those who package muster. configure fills in version and prefix; automake distributes
# the templates.
EXTRA_DIST += slurm/packaging/debian/control slurm/packaging/debian/rules \
  slurm/packaging/debian/muster.install slurm/packaging/debian/libmuster0.install \
  slurm/packaging/debian/libmuster-dev.install slurm/packaging/debian/source/format

# make deb: Debian packages of the release tarball, in deb/. Needs dpkg-dev and debhelper.
deb: dist
	rm -rf deb && $(MKDIR_P) deb
	cd deb && tar xf ../$(distdir).tar.xz
	cp -r $(srcdir)/slurm/packaging/debian deb/$(distdir)/debian
	chmod -R u+w deb/$(distdir)/debian
	cp $(srcdir)/COPYING deb/$(distdir)/debian/copyright
	{ printf 'muster (%s) unstable; urgency=medium\n\n  * Release %s.\n\n' \
	    '$(PACKAGE_VERSION)' '$(PACKAGE_VERSION)'; \
	  printf ' -- muster <muster@packages.invalid>  %s\n' "`date -uR`"; } >deb/$(distdir)/debian/changelog
	cd deb/$(distdir) && dpkg-buildpackage -b -us -uc $(DEB_FLAGS)
	rm -rf deb/$(distdir)
	@ls deb/*.deb
clean-deb:
	rm -rf deb
clean-local: clean-deb
.PHONY: deb clean-deb
