namespace Dumont.Snapshots.Tests.Restore;

/// <summary>Who runs the tests.</summary>
internal static class Me
{
    public static bool IsRoot { get; } = LibcFd.GetEffectiveUser() == 0;

    public static uint User { get; }

    public static uint Group { get; }

    static Me()
    {
        using var folder = new TempFolder();
        using var root = TreeRoot.Open(folder.Path);
        var stat = Posix.Stat((int)root.Handle.DangerousGetHandle());
        (User, Group) = (stat.UserId, stat.GroupId);
    }
}
