/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux's include/uapi/linux/mount.h has, of a version newer than the headers that this is
 * built with. */
#ifndef HL_SYS_MOUNT_ABI_H
#define HL_SYS_MOUNT_ABI_H

#include <stdint.h>

enum {
	OPEN_TREE_ABI_CLONE = 1,

	FSOPEN_ABI_CLOEXEC = 1,

	FSPICK_ABI_CLOEXEC = 1,
	FSPICK_ABI_SYMLINK_NOFOLLOW = 2,
	FSPICK_ABI_NO_AUTOMOUNT = 4,
	FSPICK_ABI_EMPTY_PATH = 8,

	FSMOUNT_ABI_CLOEXEC = 1,

	MOVE_MOUNT_ABI_F_SYMLINKS = 0x1,
	MOVE_MOUNT_ABI_F_AUTOMOUNTS = 0x2,
	MOVE_MOUNT_ABI_F_EMPTY_PATH = 0x4,
	MOVE_MOUNT_ABI_T_SYMLINKS = 0x10,
	MOVE_MOUNT_ABI_T_AUTOMOUNTS = 0x20,
	MOVE_MOUNT_ABI_T_EMPTY_PATH = 0x40,
	MOVE_MOUNT_ABI_SET_GROUP = 0x100,
	MOVE_MOUNT_ABI_BENEATH = 0x200,
	MOVE_MOUNT_ABI_MASK = 0x377,
};

enum fsconfig_abi_cmd {
	FSCONFIG_ABI_SET_FLAG,
	FSCONFIG_ABI_SET_STRING,
	FSCONFIG_ABI_SET_BINARY,
	FSCONFIG_ABI_SET_PATH,
	FSCONFIG_ABI_SET_PATH_EMPTY,
	FSCONFIG_ABI_SET_FD,
	FSCONFIG_ABI_CMD_CREATE,
	FSCONFIG_ABI_CMD_RECONFIGURE,
	FSCONFIG_ABI_CMD_CREATE_EXCL,
};

/* mount_setattr(2) */
#define MOUNT_ATTR_ABI_RDONLY      0x1U
#define MOUNT_ATTR_ABI_NOSUID      0x2U
#define MOUNT_ATTR_ABI_NODEV       0x4U
#define MOUNT_ATTR_ABI_NOEXEC      0x8U
#define MOUNT_ATTR_ABI_ATIME       0x70U /* a field: 0 is relatime */
#define MOUNT_ATTR_ABI_NOATIME     0x10U
#define MOUNT_ATTR_ABI_STRICTATIME 0x20U
#define MOUNT_ATTR_ABI_NODIRATIME  0x80U
#define MOUNT_ATTR_ABI_NOSYMFOLLOW 0x200000U
#define MOUNT_ATTR_ABI_KNOWN       0x2000ffU

struct mount_attr_abi {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

/* statmount(2), listmount(2) */
struct mnt_id_req_abi {
	uint32_t size, spare;
	uint64_t mnt_id, param, mnt_ns_id;
};
#define MNT_ID_REQ_ABI_VER0   24
#define LSMT_ABI_ROOT         UINT64_MAX
#define LISTMOUNT_ABI_REVERSE 1U

#define STATMOUNT_ABI_SB_BASIC       0x1U
#define STATMOUNT_ABI_MNT_BASIC      0x2U
#define STATMOUNT_ABI_PROPAGATE_FROM 0x4U
#define STATMOUNT_ABI_MNT_ROOT       0x8U
#define STATMOUNT_ABI_MNT_POINT      0x10U
#define STATMOUNT_ABI_FS_TYPE        0x20U
#define STATMOUNT_ABI_MNT_NS_ID      0x40U
#define STATMOUNT_ABI_MNT_OPTS       0x80U
#define STATMOUNT_ABI_SB_SOURCE      0x200U
#define STATMOUNT_ABI_SUPPORTED      0x1000U
#define STATMOUNT_ABI_KNOWN          0x12ffU

/* Strings are offsets into what follows the struct. */
struct statmount_abi {
	uint32_t size, mnt_opts;
	uint64_t mask;
	uint32_t sb_dev_major, sb_dev_minor;
	uint64_t sb_magic;
	uint32_t sb_flags, fs_type;
	uint64_t mnt_id, mnt_parent_id;
	uint32_t mnt_id_old, mnt_parent_id_old;
	uint64_t mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
	uint32_t mnt_root, mnt_point;
	uint64_t mnt_ns_id;
	uint32_t fs_subtype, sb_source;
	uint32_t opt_num, opt_array, opt_sec_num, opt_sec_array;
	uint64_t supported_mask;
	uint32_t mnt_uidmap_num, mnt_uidmap, mnt_gidmap_num, mnt_gidmap;
	uint64_t spare[43];
};
_Static_assert(sizeof(struct statmount_abi) == 512, "struct statmount");

#endif
