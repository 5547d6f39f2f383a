using System.Net;
using Dumont.Contracts;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Snapshots;
using Dumont.Server.Tests.Spine;

namespace Dumont.Server.Tests.Snapshots;

/// <summary>The page before a restore that removes something.</summary>
public sealed class RestorePreviewPageTests
{
    private static readonly AgentRemoval Removed = new(3, 700, ["old.bin", "tmp"]);

    [Fact]
    public async Task Command_ReachesNoFurtherThanTheLook()
    {
        await using var spine = await SnapshotEndpointTests.StartAsync();
        var (id, snapshot) = await SnapshotEndpointTests.SnapshotAsync(spine);
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        string[] include = ["model", "@types", "run 7; rm -rf $HOME"];
        var look = await LookAsync(spine, new { snapshot_id = snapshot, include, target_path = "/workspace/old", delete = true, dry_run = true });
        var path = RestorePreviewPages.PathOf(snapshot, look);

        await SnapshotEndpointTests.DoWorkAsync(spine, id, SnapshotEndpointTests.Made with { Removed = Removed });
        await SnapshotEndpointTests.UntilAsync(spine, $"/snapshots/operations/{look}", "done");
        var page = await user.GetAsync(path);
        Assert.Equal(
            $@"dumont snapshot restore {snapshot} instance_id={id} include=model include='\@types' include='run 7; rm -rf $HOME' target_path=/workspace/old delete=true",
            page.TextOf("#cli-dumont"));

        // What is pressed does the same.
        var pressed = await user.SendAsync(page, $"form[action='{path}']");
        Assert.Equal((HttpStatusCode.SeeOther, "/snapshots"), (pressed.Status, pressed.Location));
        var begun = (await OperationsAsync(spine))[0];
        Assert.Equal(include, begun.Include);
        Assert.Equal(("/workspace/old", true, false), (begun.TargetPath, begun.Delete, begun.DryRun));
    }

    [Fact]
    public async Task Look_ThatIsNotDone_RestoresNothing()
    {
        await using var spine = await SnapshotEndpointTests.StartAsync();
        var (id, snapshot) = await SnapshotEndpointTests.SnapshotAsync(spine);
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var token = (await user.GetAsync($"/snapshots/{snapshot}/restore")).Document.QuerySelector("input[type=hidden]")!;
        KeyValuePair<string, string>[] sent = [new(token.GetAttribute("name")!, token.GetAttribute("value")!)];
        var look = await LookAsync(spine, new { snapshot_id = snapshot, delete = true, dry_run = true });
        var path = RestorePreviewPages.PathOf(snapshot, look);

        var early = await user.PostAsync(path, sent);
        Assert.Equal(HttpStatusCode.OK, early.Status);
        Assert.Empty(early.Document.QuerySelectorAll($"form[action='{path}']"));
        Assert.EndsWith(" delete=true dry_run=true", early.TextOf("#cli-dumont"), StringComparison.Ordinal);

        await SnapshotEndpointTests.ReportAsync(
            spine, id, operation => new AgentWorkReport(operation, AgentWorkState.Failed, "failed", 0, 0, 0, 0, null, "other", "The disk is gone."));
        await SnapshotEndpointTests.UntilAsync(spine, $"/snapshots/operations/{look}", "failed");
        var late = await user.PostAsync(path, sent);
        Assert.Contains("The disk is gone.", late.Html, StringComparison.Ordinal);
        Assert.Equal(["Restore", "Snapshot"], (await KindsAsync(spine)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Look_ThatDidNotAskWhatWouldBeRemoved_IsNone()
    {
        await using var spine = await SnapshotEndpointTests.StartAsync();
        var (id, snapshot) = await SnapshotEndpointTests.SnapshotAsync(spine);
        using var user = await WebUser.SignedInAsync(spine.Server.BaseAddress);
        var look = await LookAsync(spine, new { snapshot_id = snapshot, dry_run = true });
        await SnapshotEndpointTests.DoWorkAsync(spine, id, SnapshotEndpointTests.Made);
        await SnapshotEndpointTests.UntilAsync(spine, $"/snapshots/operations/{look}", "done");
        Assert.Equal(HttpStatusCode.NotFound, (await user.GetAsync(RestorePreviewPages.PathOf(snapshot, look))).Status);
    }

    [Theory]
    [InlineData("plain", "include=plain")]
    [InlineData("@home", @"include='\@home'")]
    [InlineData(@"\@home", @"include='\\@home'")]
    [InlineData("it's", @"include='it'\''s'")]
    [InlineData("", "include=''")]
    public void Pair_IsOneWordAndNoFile(string text, string word) => Assert.Equal(word, ShellWord.Pair("include", text));

    private static async Task<long> LookAsync(SpineServer spine, object request)
    {
        var (status, begun) = await spine.SendAsync("POST", "/snapshots/restore?wait=false", request);
        Assert.Equal(HttpStatusCode.Accepted, status);
        return begun!["operation_id"]!.GetValue<long>();
    }

    private static async Task<IReadOnlyList<OperationDocument>> OperationsAsync(SpineServer spine) =>
        [.. (await ListAsync(spine)).OrderByDescending(each => each.Id).Select(each => each.Document)];

    private static async Task<IEnumerable<string>> KindsAsync(SpineServer spine) => (await ListAsync(spine)).Select(each => each.Kind.ToString());

    private static Task<IReadOnlyList<SnapshotOperation>> ListAsync(SpineServer spine) =>
        spine.Server.Get<OperationStore>().ListOfUserAsync(new UserId(1), 100, Line.Deadline());
}
