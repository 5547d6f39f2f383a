namespace Dumont.LocalCloud.Tests.Support;

/// <summary>Where the clouds of these tests keep their files: in memory, where there is room for them. A cloud forces each change of its state to the disk,
/// which took most of the tests' time, and no test here cuts the power.</summary>
internal static class Scratch
{
    private const string Memory = "/dev/shm";
    private const long NeededBytes = 2L << 30;

    /// <summary>A new folder that its owner alone may enter.</summary>
    public static string Create(string prefix) =>
        IsInMemory
            ? Directory.CreateDirectory(
                Path.Combine(Memory, prefix + Path.GetRandomFileName()), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName
            : Directory.CreateTempSubdirectory(prefix).FullName;

    // The disks of a plain user's machines need attributes that files in memory lack on older kernels.
    private static bool IsInMemory { get; } = Environment.IsPrivilegedProcess && Directory.Exists(Memory) && new DriveInfo(Memory).AvailableFreeSpace > NeededBytes;
}
