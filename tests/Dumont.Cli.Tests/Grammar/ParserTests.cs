using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Tests.Grammar;

public sealed class ParserTests
{
    [Fact]
    public void Parse_InstanceCreate_TypesTheBody()
    {
        var invocation = Parse("instance", "create", "offer_id=123", "label=007", "disk_size=100", "ports=80", "ports=443", "skip-standby=true");

        AssertBody("""{"offer_id":123,"label":"007","disk_size":100,"ports":[80,443],"skip_standby":true}""", invocation);
        Assert.Equal("/api/v1/instances", invocation.PathAndQuery);
    }

    [Fact]
    public void Parse_TwinFlags_EqualThePairs()
    {
        var pairs = Parse("instance", "offers", "gpu_name=rtx4090", "max_price=0.50", "verified_only=true", "static_ip=false");
        var flags = Parse("instances", "offers", "--gpu-name", "rtx4090", "--max-price=0.50", "--verified-only", "--no-static-ip");

        Assert.Equal("/api/v1/instances/offers?gpu_name=rtx4090&max_price=0.50&verified_only=true&static_ip=false", pairs.PathAndQuery);
        Assert.Equal(pairs.PathAndQuery, flags.PathAndQuery);
    }

    [Theory]
    [InlineData("gpu_ram>=48", "min_gpu_ram=48")]
    [InlineData("dph_total<=0.5", "max_price=0.5")]
    [InlineData("max_price<=0.5", "max_price=0.5")]
    [InlineData("reliability >= 0.98", "min_reliability=0.98")]
    [InlineData("disk_space>=200", "min_disk=200")]
    [InlineData("num_gpus==2", "num_gpus=2")]
    [InlineData("gpu_ram<=48", "max_gpu_ram=48")]
    [InlineData("gpu_ram>48", "min_gpu_ram=48.00000000000001")]
    [InlineData("dph_total<0.5", "max_price=0.49999999999999994")]
    public void Parse_VastCondition_BecomesAQueryKey(string condition, string query) =>
        Assert.Equal($"/api/v1/instances/offers?{query}", Parse("instance", "offers", condition).PathAndQuery);

    [Theory]
    [InlineData("cpu_ram<=48")]
    [InlineData("gpu_name!=RTX_3090")]
    [InlineData("gpu_name in [RTX_3090]")]
    [InlineData("gpu_ram>big")]
    public void Parse_ConditionThatTheApiLacks_IsAUsageError(string condition) =>
        Assert.Throws<UsageException>(() => Parse("instance", "offers", condition));

    [Fact]
    public void Parse_WizardWord_SelectsTheWizard()
    {
        var invocation = Parse("instance", "create", "wizard", "gpu_name=rtx4090");

        AssertBody("""{"use_wizard":true,"gpu_name":"rtx4090"}""", invocation);
    }

    [Fact]
    public void Parse_DeleteWithKeys_PutsThemInTheQuery() =>
        Assert.Equal(
            "/api/v1/instances/17?reason=gpu_failure&destroy_standby=false",
            Parse("instance", "delete", "17", "reason=gpu_failure", "destroy_standby=false").PathAndQuery);

    [Fact]
    public void Parse_PasswordWithSign_IsTheSecondPositional()
    {
        var invocation = Parse("auth", "login", "user@email.com", "a=b-c");

        AssertBody("""{"username":"user@email.com","password":"a=b-c"}""", invocation);
    }

    [Fact]
    public void Parse_OpenKeys_AreTypedByLooks()
    {
        var invocation = Parse("settings", "update", "auto_hibernate=true", "limit=5", "rate=0.5", "version=1.2.3", "settings.a.b=x", "list=1", "list=2");

        AssertBody("""{"auto_hibernate":true,"limit":5,"rate":0.5,"version":"1.2.3","settings":{"a":{"b":"x"}},"list":[1,2]}""", invocation);
    }

    [Fact]
    public void Parse_TextMapMembers_StayText() =>
        AssertBody("""{"offer_id":1,"env":{"PORT":"8080","DEBUG":"true"}}""", Parse("instance", "create", "offer_id=1", "env.PORT=8080", "env.DEBUG=true"));

    [Fact]
    public void Parse_RawJson_IsTheWholeBody() =>
        AssertBody("""{"offer_id":5,"x":[1]}""", Parse("instance", "create", """{"offer_id":5,"x":[1]}"""));

    [Fact]
    public void Parse_JsonPair_IsTakenAsItStands() =>
        AssertBody("""{"offer_id":1,"ports":[80,81]}""", Parse("instance", "create", "offer_id=1", "ports:=[80,81]"));

    [Fact]
    public void Parse_FilePair_TakesTheContent()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "ssh-ed25519 AAAA me");
            AssertBody("""{"name":"me","public_key":"ssh-ed25519 AAAA me"}""", Parse("ssh-key", "create", "me", $"public_key=@{file}"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Parse_WordsAfterDoubleDash_AreTheRemoteCommand()
    {
        var invocation = Parse("ssh", "train", "--", "ls", "-la", "a=b", "--help");

        Assert.Equal(["ls", "-la", "a=b", "--help"], invocation.Rest);
    }

    [Theory]
    [InlineData("did you mean: dumont instance?", "instnace", "list")]
    [InlineData("did you mean: dumont instance create?", "instance", "creat", "offer_id=1")]
    [InlineData("did you mean gpu_name=?", "instance", "offers", "gpu_nmae=x")]
    [InlineData("did you mean --gpu-name?", "instance", "offers", "--gpu-nam", "x")]
    [InlineData("did you mean reason=gpu_failure?", "instance", "delete", "17", "reason=gpu_falure")]
    public void Parse_Misspelt_SuggestsTheNearest(string hint, params string[] args)
    {
        var error = Assert.Throws<UsageException>(() => Parse(args));

        Assert.Equal(hint, error.Hint?.English);
    }

    [Theory]
    [InlineData("instance", "create")]
    [InlineData("instance", "get")]
    [InlineData("instance", "get", "1", "2")]
    [InlineData("instance", "get", "..")]
    [InlineData("instance", "create", "offer_id=abc")]
    [InlineData("instance", "create", "offer_id=1", "offer_id=2")]
    [InlineData("instance", "create", "offer_id=1", "--offer-id", "2")]
    [InlineData("instance", "create", "{\"offer_id\":1}", "label=x")]
    [InlineData("instance", "create", "{broken")]
    [InlineData("instance", "list", "-x")]
    [InlineData("settings", "update", "a=1", "a.b=2")]
    [InlineData("ssh-key", "create", "me", "public_key=@/nonexistent/file")]
    public void Parse_WrongArguments_IsAUsageError(params string[] args) => Assert.Throws<UsageException>(() => Parse(args));

    [Fact]
    public void Parse_SamePairAndFlag_IsNoContradiction() =>
        AssertBody("""{"offer_id":1}""", Parse("instance", "create", "offer_id=1", "--offer-id", "1"));

    [Fact]
    public void GlobalOptions_AnywhereBeforeTheDash_AreTakenOut()
    {
        var options = GlobalOptions.Parse(
            ["-o", "json", "ssh", "--timeout=2m", "17", "--", "-o", "yaml"], new Dictionary<string, string>(), out var rest, out var error);

        Assert.Null(error);
        Assert.Equal(OutputFormat.Json, options.Output);
        Assert.Equal(TimeSpan.FromMinutes(2), options.Timeout);
        Assert.Equal(["ssh", "17", "--", "-o", "yaml"], rest);
    }

    [Theory]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("creat", "create", 1)]
    [InlineData("lsit", "list", 1)]
    [InlineData("", "abc", 3)]
    [InlineData("Same", "same", 0)]
    public void Distance_TwoWords_CountsEdits(string a, string b, int distance) => Assert.Equal(distance, Suggestions.Distance(a, b));

    private static Invocation Parse(params string[] args) =>
        Assert.IsType<CommandLineParser.Parsed.Run>(CommandLineParser.Parse([.. args], help: false)).Invocation;

    private static void AssertBody(string expected, Invocation invocation) =>
        Assert.Equal(JsonNode.Parse(expected)!.ToJsonString(), invocation.RequestBody!.ToJsonString());
}
