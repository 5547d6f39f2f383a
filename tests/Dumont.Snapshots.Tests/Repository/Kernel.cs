using System.Runtime.InteropServices;
using System.Text;

namespace Dumont.Snapshots.Tests;

/// <summary>What the file API of .NET cannot do.</summary>
internal static partial class Kernel
{
    public static void Link(string existing, string path) => Check(LinkCall(existing, path), path);

    public static void MakePipe(string path) => Check(MkFifo(path, 0x1B4), path);

    public static void SetAttribute(string path, string name, ReadOnlySpan<byte> value) => Check(SetXattr(path, name, value, (nuint)value.Length, 0), path);

    public static void RemoveAttribute(string path, string name) => Check(RemoveXattr(path, name), path);

    /// <summary>Of a link, too.</summary>
    public static void SetOwner(string path, int user, int group) => Check(LChown(path, (uint)user, (uint)group), path);

    /// <summary>Makes a file whose name is any bytes.</summary>
    public static void WriteFile(string folder, ReadOnlySpan<byte> name, byte[] content)
    {
        var passing = Path.Combine(folder, "passing-name");
        File.WriteAllBytes(passing, content);
        Check(Rename(Encoding.UTF8.GetBytes(passing + '\0'), [.. Encoding.UTF8.GetBytes(folder + "/"), .. name, 0]), folder);
    }

    /// <summary>Deletes such a file; the file API of .NET cannot name it.</summary>
    public static void DeleteFile(string folder, ReadOnlySpan<byte> name) => Check(Unlink([.. Encoding.UTF8.GetBytes(folder + "/"), .. name, 0]), folder);

    private static void Check(int result, string path)
    {
        if (result != 0)
        {
            throw new IOException($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LinkCall(string existing, string path);

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MkFifo(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "setxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetXattr(string path, string name, ReadOnlySpan<byte> value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "removexattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RemoveXattr(string path, string name);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LChown(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true)]
    private static partial int Unlink(byte[] path);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true)]
    private static partial int Rename(byte[] from, byte[] to);
}
